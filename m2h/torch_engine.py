"""The engine of PyTorch: the reference, of any size."""

from __future__ import annotations

import torch

from m2h.errors import BackendError
from m2h.export import DeployedNetwork, output_names
from m2h.model import M2H
from m2h.types import F4, U1


class TorchEngine:
    """The reference: PyTorch, any size."""

    def __init__(self, model: M2H, device: str, precision: str) -> None:
        self.device = _torch_device(device)
        self.names = output_names(model)
        self.network = DeployedNetwork(model).eval().to(self.device)
        self.is_half = precision == "bf16"

    def __call__(self, image: U1, view: F4) -> dict[str, F4]:
        """Outputs of one image."""
        batch = torch.from_numpy(image)[None].to(self.device)
        views = torch.from_numpy(view)[None].to(self.device)
        enabled = torch.autocast(self.device.type, torch.bfloat16, enabled=self.is_half)
        with torch.inference_mode(), enabled:
            outputs = self.network(batch, views)
        arrays = (x[0].float().cpu().numpy() for x in outputs)
        return dict(zip(self.names, arrays, strict=True))


def _torch_device(device: str) -> torch.device:
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0][:80]
        raise BackendError(f"torch: device {device} is not usable ({reason}); use cpu") from error
    return torch.device(device)
