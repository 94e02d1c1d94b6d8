"""Data-parallel training under torchrun: every process its own batches, one averaged gradient.

The gradients are averaged here and not by a wrapper around the model: heads without truth in one
process's batch and an encoder that is frozen for a while need no special care that way.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch import distributed as dist


@dataclass(frozen=True)
class World:
    """The processes of a run; rank 0 of 1 without torchrun."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0


def join_world(device: str) -> World:
    """Meet the other processes that torchrun started; a world of one without it."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World()
    if device.startswith("cuda"):
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return World(dist.get_rank(), size)


def leave_world(world: World) -> None:
    """End the group, so that no process waits for another."""
    if world.size > 1 and dist.is_initialized():
        dist.destroy_process_group()


def share_start(modules: Iterable[nn.Module], world: World) -> None:
    """Give every process the first one's weights and statistics."""
    if world.size == 1:
        return
    for module in modules:
        for tensor in module.state_dict().values():
            dist.broadcast(tensor, src=0)


def average_gradients(parameters: Sequence[nn.Parameter], world: World) -> None:
    """Replace every gradient by its mean over the processes; a missing one counts as 0."""
    if world.size == 1:
        return
    learning = [p for p in parameters if p.requires_grad]
    for p in learning:
        if p.grad is None:
            p.grad = torch.zeros_like(p)
    average_in_place([p.grad for p in learning if p.grad is not None], world)


def average_in_place(tensors: Sequence[Tensor], world: World) -> None:
    """Replace every tensor by its mean over the processes, in one exchange."""
    if world.size == 1 or not tensors:
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(flat)
    flat /= world.size
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view_as(tensor))


def average_terms(
    terms: Mapping[str, float], names: Sequence[str], world: World, device: str
) -> dict[str, float]:
    """Mean of each named term over the processes that have it."""
    if world.size == 1:
        return dict(terms)
    values = torch.tensor(
        [[terms.get(name, 0.0), float(name in terms)] for name in names], device=device
    )
    dist.all_reduce(values)
    sums, counts = values.unbind(1)
    return {
        name: float(sums[i] / counts[i]) for i, name in enumerate(names) if float(counts[i]) > 0
    }


def agree(flag: bool, world: World, device: str) -> bool:
    """What the first process says, in all of them."""
    if world.size == 1:
        return flag
    said: Tensor = torch.tensor([float(flag)], device=device)
    dist.broadcast(said, src=0)
    return bool(said.item())
