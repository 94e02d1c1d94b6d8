"""Two processes on one machine take the step that one process with both batches takes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import torch

from m2h.losses import MultiTaskLoss
from m2h.training import Trainer, TrainingConfig
from m2h.training.distributed import join_world, leave_world
from tests.m2h.batches_by_hand import TinyNetwork, random_batch

SETTINGS = {"steps": 3, "freeze_steps": 1, "warmup_steps": 0, "log_every": 1, "draw": False}
ROOT = Path(__file__).parents[3]


def main(folder: str) -> None:
    """What each of the two processes runs."""
    torch.set_num_threads(1)
    world = join_world("cpu")
    config = TrainingConfig(**SETTINGS)
    model = TinyNetwork(seed=world.rank)  # the first one's weights must win
    run = Trainer(
        model, MultiTaskLoss(config.loss), random_batch, config, Path(folder), world=world
    )
    run.run()
    torch.save(run.model.state_dict(), Path(folder) / f"rank{world.rank}.pt")
    leave_world(world)


def test_two_processes_equal_one_with_both_batches(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # what torchrun sets; without it, for it imports torch once more
    shared = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "WORLD_SIZE": "2"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, str(tmp_path)],
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd=ROOT,
        )
        for rank in (0, 1)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    first, second = (torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1))
    (tmp_path / "one").mkdir()
    config = TrainingConfig(**SETTINGS, accumulate=2)
    one = Trainer(TinyNetwork(), MultiTaskLoss(config.loss), random_batch, config, tmp_path / "one")
    one.run()
    for name, tensor in one.model.state_dict().items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], tensor, atol=1e-6, rtol=1e-5)


if __name__ == "__main__":
    main(sys.argv[1])
