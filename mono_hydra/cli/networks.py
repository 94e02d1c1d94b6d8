"""Which network predicts what: one of m2h, or a depth file of the user's beside the shipped one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from m2h.depth_card import load_depth_card
from mono_hydra.config import Config
from mono_hydra.errors import ConfigError
from mono_hydra.types import Provenance

if TYPE_CHECKING:
    from mono_hydra.perception.network import ImagePredictor


@dataclass(frozen=True)
class NetworkChoice:
    """Which network predicts, and where it runs."""

    name: str = "m2h_tiny"
    device: str = "auto"


DEFAULT_NETWORK = NetworkChoice()


def with_depth_file(provenance: Provenance, network: str) -> Provenance:
    """Depth from the user's file instead of m2h.

    Raises:
        CardError: its card is wrong.
        ConfigError: nothing asks the file for depth.
    """
    output = load_depth_card(network).output
    if provenance.depth == "sensor":
        raise ConfigError(
            f"--network {network}: gives depth only, which the recording has; add --depth m2h"
        )
    return replace(
        provenance,
        depth="file",
        depth_file=f"{Path(network).name}, {output.replace('_', ' ')}",
        depth_scale="m2h" if output == "relative_inverse_depth" else "own",
    )


def file_roles(provenance: Provenance) -> str:
    """What the user's depth network gives, and what the shipped one."""
    shipped = DEFAULT_NETWORK.name
    own = provenance.depth_scale == "own"
    scale = "its own scale" if own else f"scale of each keyframe from the depth of {shipped}"
    labels = f"; labels of {shipped}" if provenance.labels == "m2h" else ""
    return f"depth of {provenance.depth_file}, {scale}{labels}"


def make_image_predictor(
    config: Config, provenance: Provenance, network: NetworkChoice
) -> ImagePredictor | None:
    """The networks that the sources ask for, None if they ask for none."""
    from mono_hydra.perception.network import NetworkPredictor, load_network

    is_file, width = provenance.depth == "file", config.mapping.image_width
    shipped = None
    if "m2h" in (provenance.depth, provenance.labels, provenance.depth_scale):
        name = DEFAULT_NETWORK.name if is_file else network.name
        loaded = load_network(name, device=network.device, mirror=config.perception.mirror)
        use_labels = provenance.labels == "m2h"
        shipped = NetworkPredictor(loaded, config.perception, width, use_labels=use_labels)
    if not is_file:
        return shipped
    from m2h.depth_file import DepthFile
    from mono_hydra.perception.file_depth import FileDepthPredictor

    file = DepthFile(network.name, device=network.device)
    return FileDepthPredictor(file, shipped, config.perception, width)
