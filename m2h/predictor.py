"""One call from an image of any size to depth, labels, normals and edges with their certainty."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from m2h.backends import EngineChoice, as_float32
from m2h.disagreement import sigma_factor
from m2h.engines import Engines
from m2h.errors import ImageError
from m2h.graph_cache import GraphCache
from m2h.letterbox import Letterbox, as_rgb, fit, positions, size_for
from m2h.mirrored import mean_of_both, mirrored_input
from m2h.presets import PATCH_PX
from m2h.types import F4, U1, Intrinsics, Prediction

if TYPE_CHECKING:
    from m2h.model import M2H

logger = logging.getLogger(__name__)

_SIDE_MULTIPLE = 16
_SIGMA_UNLEARNED = 0.15  # of ln depth, for networks without log_sigma


class Predictor:
    """A network with its engine.

    Args:
        network: a network, its checkpoint, or an exported `.onnx` or `.xml` file.
        backend: torch, openvino or onnxruntime; an exported file brings its own.
        device: auto, cpu, cuda (torch), gpu (openvino).
        precision: fp32 or bf16.
        size: (height, width) of the network's input, even numbers, None = what the network was
            made for; images of another shape use another size of as many pixels.
            An exported file has its own.
        n_threads: of OpenVINO and ONNX Runtime; None = their choice.
        mirror: average with what is seen in the mirror image, at twice the time; None = as the
            network was made.
        cache: folder for the compiled graphs of a checkpoint on OpenVINO, made when needed: the
            next start imports no PyTorch and converts nothing. None = nothing is kept.

    Raises:
        CheckpointError, BackendError: in one line.
    """

    def __init__(
        self,
        network: M2H | str | Path,
        backend: str = "openvino",
        *,
        device: str = "auto",
        precision: str = "fp32",
        size: tuple[int, int] | None = None,
        n_threads: int | None = None,
        mirror: bool | None = None,
        cache: Path | None = None,
    ) -> None:
        self.cache = None if cache is None else GraphCache(cache)
        choice = EngineChoice(backend, device, precision, n_threads)
        self._engines = Engines(network, choice, size, self.cache)
        self.config, self.size = self._engines.config, self._engines.size
        self.mirror = self.config.mirror if mirror is None else mirror
        self._has_warned = False
        is_patched = self.config.encoder != "mobilenet_v2" and not self._engines.is_fixed
        if is_patched and (self.size[0] % PATCH_PX or self.size[1] % PATCH_PX):
            logger.warning(
                "size %dx%d: not multiples of %d, so that borders shift", *self.size, PATCH_PX
            )

    def predict(
        self,
        image: NDArray[Any],
        intrinsics: Intrinsics | None = None,
        *,
        focal_px: float | None = None,
    ) -> Prediction:
        """All tasks at the size of the image; zeros for tasks the network lacks.

        Args:
            image: (H, W, 3) RGB uint8; also grey, RGBA, uint16, or floats in [0, 1].
            intrinsics: pinhole camera of this image, or
            focal_px: its focal length, the centre assumed in the middle. With neither, the field
                of view that the network was trained for is assumed, and depth is only as good.

        Raises:
            ImageError: an image or a focal length that cannot be used.
        """
        rgb = as_rgb(image)
        box = fit(rgb.shape[:2], self._size_for(rgb))
        camera = self._camera(box, intrinsics, focal_px)
        return self._finish(self._run(box.apply(rgb), box.view(camera)), box, camera)

    def _run(self, image: U1, view: F4) -> dict[str, F4]:
        """Outputs (h, w, ...) of an image in the network's size."""
        engine = self._engines.at((image.shape[0], image.shape[1]))
        outputs = _channels_last(engine(image, view))
        if not self.mirror:
            return outputs
        kept = {name: x.copy() for name, x in outputs.items()}  # the next call overwrites them
        return mean_of_both(kept, _channels_last(engine(*mirrored_input(image, view))))

    def _size_for(self, rgb: U1) -> tuple[int, int]:
        """The network's size, in the shape of the image; an exported file has only its own."""
        if self._engines.is_fixed:
            return self.size
        multiple = _SIDE_MULTIPLE if self.config.encoder == "mobilenet_v2" else PATCH_PX
        return size_for((rgb.shape[0], rgb.shape[1]), self.size, multiple)

    def _camera(
        self, box: Letterbox, intrinsics: Intrinsics | None, focal_px: float | None
    ) -> Intrinsics:
        """Camera of the image, checked."""
        height, width = box.image_size
        if intrinsics is None and focal_px is None:
            focal_px = (self.config.canonical_focal_px or 0.85 * box.inner_size[1]) / box.scale[1]
            if not self._has_warned:
                logger.warning("no focal length given: assuming %.0f px", focal_px)
                self._has_warned = True
        if intrinsics is None:
            assert focal_px is not None
            intrinsics = Intrinsics(focal_px, focal_px, (width - 1) / 2, (height - 1) / 2)
        if not (0 < intrinsics.fx < np.inf and 0 < intrinsics.fy < np.inf):
            raise ImageError(
                f"focal length {intrinsics.fx:g}, {intrinsics.fy:g} px: must be positive and finite"
            )
        return intrinsics

    def _finish(self, outputs: dict[str, F4], box: Letterbox, camera: Intrinsics) -> Prediction:
        """Crop, scale by the focal length, weigh, and enlarge."""
        small = {name: box.crop(x) for name, x in outputs.items()}
        if "normals" in small:
            small["normals"] = _unit(small["normals"])
        labels, small_labels, confidence = _labels(small.get("log_probability"), box)
        normals, edges = small.get("normals"), small.get("edges")
        depth = self._depth(small, box, camera)
        seen = box.intrinsics(camera, stride=box.inner_size[0] // depth.shape[0])
        sigma = self._sigma(small) * sigma_factor(depth, normals, small_labels, edges, seen)
        nothing = np.zeros((*box.image_size, 3), np.float32)
        return Prediction(
            depth_m=box.enlarge(depth),
            depth_sigma=box.enlarge(sigma),
            labels=labels,
            confidence=confidence,
            normals=nothing if normals is None else _unit(box.enlarge(normals)),
            edges=nothing[:, :, 0] if edges is None else box.enlarge(edges),
        )

    def _depth(self, small: dict[str, F4], box: Letterbox, camera: Intrinsics) -> F4:
        """Metric depth at the network's resolution; zeros if the network has none."""
        if "depth" not in small:
            return np.zeros(next(iter(small.values())).shape[:2], np.float32)
        # the release's depth has no upper bound of its own
        depth: F4 = np.clip(small["depth"], 0, np.float32(self.config.max_depth_m))
        if self.config.canonical_focal_px:
            focal_px = box.intrinsics(camera).fx
            depth = depth * np.float32(focal_px / self.config.canonical_focal_px)
        return depth

    def _sigma(self, small: dict[str, F4]) -> F4:
        """Calibrated standard deviation of ln depth at the network's resolution."""
        if "log_sigma" not in small:
            return np.full(next(iter(small.values())).shape[:2], _SIGMA_UNLEARNED, np.float32)
        return np.exp(small["log_sigma"]) * np.float32(self.config.sigma_scale)


def _channels_last(raw: dict[str, F4]) -> dict[str, F4]:
    """(h, w) or (h, w, C) of an engine's outputs."""
    return {
        name: as_float32(
            x if name == "log_probability" else x[0] if x.shape[0] == 1 else x.transpose(1, 2, 0)
        )
        for name, x in raw.items()
    }


def _labels(log_probability: F4 | None, box: Letterbox) -> tuple[U1, U1 | None, F4]:
    """Labels of the image, of the scaled image, and confidence of the image."""
    labels = np.zeros(box.image_size, np.uint8)
    confidence = np.zeros(box.image_size, np.float32)
    if log_probability is None:
        return labels, None, confidence
    from m2h.prediction_kernels import best_class, enlarge_labels

    size = (log_probability.shape[0], log_probability.shape[1])
    small = np.empty(size, np.uint8)
    log_probability = np.ascontiguousarray(log_probability)
    best_class(log_probability, small)
    enlarge_labels(log_probability, small, *positions(box.image_size, size), labels, confidence)
    return labels, small, confidence


def _unit(normals: F4) -> F4:
    """A contiguous copy with vectors of length 1."""
    from m2h.prediction_kernels import make_unit

    unit = np.array(normals, dtype=np.float32, order="C")
    make_unit(unit)
    return unit
