"""Depth and labels predicted from single images, and mixtures with what a recording has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mono_hydra.config import PerceptionConfig
from mono_hydra.files.cache import network_cache
from mono_hydra.perception.given import GivenPredictor
from mono_hydra.perception.rectify import rectified_camera, rectify_rgb
from mono_hydra.types import F8, U1, Camera, Frame, Prediction

if TYPE_CHECKING:
    from m2h.predictor import Predictor as Network
    from m2h.types import Prediction as Seen

NETWORK_LABELS = "nyu40"  # the label space of every released and shipped network


class NetworkPredictor:
    """The multi-task network on the mapping's pixel grid (`--depth m2h`, `--labels m2h`)."""

    def __init__(
        self,
        network: Network,
        config: PerceptionConfig,
        image_width: int,
        *,
        use_labels: bool = True,
    ) -> None:
        self._network = network
        self._use_labels = use_labels
        self._config = config
        self._image_width = image_width
        self.skipped: dict[str, int] = {}  # reason -> frames without a prediction
        self.scales: dict[str, int] = {}  # empty: the network has a scale of its own

    def step(self, frame: Frame, T_world_camera: F8) -> Prediction | None:
        """Predict from the picture alone; the pose is not used."""
        camera = rectified_camera(frame.camera, self._image_width)
        rgb = rectify_rgb(frame.rgb, frame.camera, camera)
        seen = self._network.predict(rgb, focal_px=0.5 * (camera.fx + camera.fy))
        found = as_mapped(seen, rgb, camera, max_depth_m=self._config.max_depth_m)
        if self._use_labels:
            return found
        return replace(
            found,
            labels=np.zeros_like(found.labels),
            confidence=np.zeros_like(found.confidence),
        )


def as_mapped(seen: Seen, rgb: U1, camera: Camera, *, max_depth_m: float) -> Prediction:
    """What the network says of a picture, as the mapping takes it.

    Args:
        seen: of the network, for
        rgb: (H, W, 3) as shown to it, rectified.
        camera: pinhole camera of the picture.
        max_depth_m: depth beyond is unknown.
    """
    known = np.isfinite(seen.depth_m) & (seen.depth_m > 0.0) & (seen.depth_m <= max_depth_m)
    return Prediction(
        camera=camera,
        rgb=rgb,
        depth_m=np.where(known, seen.depth_m, np.float32(0.0)),
        depth_sigma=seen.depth_sigma,
        labels=seen.labels,
        confidence=seen.confidence,
        label_space=NETWORK_LABELS,
        normals=seen.normals,
        edges=seen.edges,
    )


class ImagePredictor(Protocol):
    """What predicts from pictures alone: `NetworkPredictor`, `FileDepthPredictor`."""

    skipped: dict[str, int]
    scales: dict[str, int]

    def step(self, frame: Frame, T_world_camera: F8) -> Prediction | None:
        """Prediction of a frame, None where there is none."""
        ...


class MixedPredictor:
    """Depth or labels of the network, the other as the recording gives it."""

    def __init__(self, network: ImagePredictor, given: GivenPredictor, *, depth: str) -> None:
        self._network = network
        self._given = given
        self._depth_is_given = depth == "sensor"

    @property
    def skipped(self) -> dict[str, int]:
        """Frames without a prediction by reason."""
        return {**self._network.skipped, **self._given.skipped}

    @property
    def scales(self) -> dict[str, int]:
        """Keyframes by where the scale of their depth came from."""
        return self._network.scales

    def step(self, frame: Frame, T_world_camera: F8) -> Prediction | None:
        """Both predictions, each with its own part taken."""
        if self._depth_is_given:
            given = self._given.step(frame, T_world_camera)
            seen = None if given is None else self._network.step(frame, T_world_camera)
            if given is None or seen is None:
                return None
            return replace(seen, depth_m=given.depth_m, depth_sigma=given.depth_sigma)
        seen = self._network.step(frame, T_world_camera)
        if seen is None:
            return None
        labels = self._given.labels_of(frame, seen.camera)
        return replace(
            seen,
            labels=labels,
            confidence=(labels != 0).astype(np.float32),
            label_space=self._given.label_space_name,
        )


def load_network(name: str, *, device: str = "auto", mirror: str = "auto") -> Network:
    """The network of a preset's name or of a file of weights, on its fastest backend.

    `mirror` is that of `PerceptionConfig`. The compiled graph is kept in the cache folder for the
    next start.

    Raises:
        M2HError: the file does not hold a network, or the device is not there.
    """
    from m2h.predictor import Predictor

    choice = {"auto": None, "on": True, "off": False}[mirror]
    return Predictor(name, device=device, mirror=choice, cache=network_cache())
