"""Depth from an ONNX file of the user's, described by the card beside it (`depth_card`).

Whatever such a network gives, metres or inverse depth up to scale and shift, comes out as inverse
depth at the size of the image: for both, true inverse depth is a x + b.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2h.backends import onnx_session, reason_of
from m2h.depth_card import DepthCard, card_path, load_depth_card
from m2h.errors import BackendError, CheckpointError, ImageError
from m2h.letterbox import Letterbox, as_rgb, fit
from m2h.presets import CONFIG_KEY
from m2h.types import F4, U1, Intrinsics

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_NEAREST_M = 0.01  # metric depth below is no depth


class DepthFile:
    """A depth network of the user's, ready to run in ONNX Runtime.

    Args:
        path: the `.onnx` file; `.card.yaml` lies beside it.
        device: auto or cpu; cuda where ONNX Runtime was built for it.
        n_threads: None = ONNX Runtime's choice.

    Raises:
        CardError: the card is missing or wrong.
        CheckpointError: the file is unreadable, or is not what its card says.
        BackendError: ONNX Runtime or the device is not there.
    """

    def __init__(
        self, path: str | Path, *, device: str = "auto", n_threads: int | None = None
    ) -> None:
        self.path = Path(path)
        self.card: DepthCard = load_depth_card(path)
        if not self.path.is_file():
            raise CheckpointError(f"{path}: no such file, though its card is there")
        try:
            self._session = onnx_session(self.path, n_threads, _provider(device))
        except BackendError:
            raise
        except Exception as error:  # ONNX Runtime raises its own many types
            raise CheckpointError(
                f"{path}: not a readable ONNX file ({reason_of(error)}); get it again"
            ) from error
        if CONFIG_KEY in self._session.get_modelmeta().custom_metadata_map:
            raise CheckpointError(
                f"{path}: an export of m2h needs no card; remove {card_path(path).name}"
            )
        self._input = _named(path, "input", self._session.get_inputs(), self.card.input_name)
        self._output = _named(path, "output", self._session.get_outputs(), self.card.output_name)
        self._type = self._checked_type()
        self._run(np.full((*self.card.input_size, 3), 128, np.uint8))

    def predict(self, image: NDArray[Any], *, focal_px: float | None = None) -> F4:
        """Inverse depth (H, W), NaN where unknown: 1/m, or for a relative network up to a x + b.

        Args:
            image: as `Predictor.predict` takes it.
            focal_px: of the image; needed if the card states a focal length.

        Raises:
            ImageError: an image or a focal length that cannot be used.
        """
        rgb = as_rgb(image)
        box = fit((rgb.shape[0], rgb.shape[1]), self.card.input_size)
        if self.card.focal_px is not None and not (focal_px and 0 < focal_px < np.inf):
            raise ImageError(f"focal length {focal_px} px: {self.path.name} needs a positive one")
        seen = box.enlarge(box.crop(self._run(box.apply(rgb))))
        if self.card.output == "relative_inverse_depth":
            return np.where(np.isfinite(seen), seen, np.float32(np.nan))
        known = np.isfinite(seen) & (seen > _NEAREST_M)
        depth_m = np.where(known, seen, np.float32(np.nan)) * self._focal_ratio(box, focal_px)
        return np.asarray(1.0 / depth_m, dtype=np.float32)

    def _focal_ratio(self, box: Letterbox, focal_px: float | None) -> np.float32:
        """Of the scaled image to the focal length that the depths are made for."""
        if self.card.focal_px is None or focal_px is None:
            return np.float32(1.0)
        camera = box.intrinsics(Intrinsics(focal_px, focal_px, 0.0, 0.0))
        return np.float32(camera.fx / self.card.focal_px)

    def _run(self, image: U1) -> F4:
        """(h, w) as the network gives it, at the size of its input."""
        mean = np.array(self.card.mean, np.float32)
        std = np.array(self.card.std, np.float32)
        batch = ((image.astype(np.float32) / 255.0 - mean) / std).transpose(2, 0, 1)[None]
        feed = {self._input.name: np.ascontiguousarray(batch, dtype=self._type)}
        try:
            raw = np.asarray(self._session.run([self._output.name], feed)[0], dtype=np.float32)
        except Exception as error:  # as above
            raise CheckpointError(
                f"{self.path}: does not run at {_by(self.card.input_size)} "
                f"({reason_of(error)}); correct input_size in {card_path(self.path).name}"
            ) from error
        if raw.ndim < 2 or raw.size != raw.shape[-1] * raw.shape[-2] or min(raw.shape[-2:]) < 2:
            raise CheckpointError(
                f"{self.path}: output {self._output.name} has the shape {raw.shape}, not that of "
                "one depth image; name another with output_name"
            )
        return _resized(raw.reshape(raw.shape[-2:]), self.card.input_size)

    def _checked_type(self) -> Any:
        """Type of the input, whose shape must fit the card."""
        wanted = (1, 3, *self.card.input_size)
        shape = self._input.shape
        if len(shape) != 4 or any(
            isinstance(n, int) and n != w for n, w in zip(shape, wanted, strict=True)
        ):
            raise CheckpointError(
                f"{self.path}: takes {_by(shape)}, but its card says {_by(wanted)} (batch, RGB, "
                f"height, width); correct input_size in {card_path(self.path).name}"
            )
        if self._input.type not in _TYPES:
            raise CheckpointError(
                f"{self.path}: takes {self._input.type}; export it for float images"
            )
        return _TYPES[self._input.type]


def _provider(device: str) -> str:
    if device in ("auto", "cpu"):
        return "CPUExecutionProvider"
    if device == "cuda":
        return "CUDAExecutionProvider"
    raise BackendError(f"onnxruntime: device {device} is not offered; use cpu")


def _named(path: str | Path, kind: str, found: list[Any], name: str | None) -> Any:
    """The input or output of a name, or the only one."""
    names = ", ".join(x.name for x in found)
    if name is None:
        if len(found) == 1:
            return found[0]
        raise CheckpointError(
            f"{path}: has the {kind}s {names}; choose with {kind}_name in its card"
        )
    for x in found:
        if x.name == name:
            return x
    raise CheckpointError(f"{path}: has no {kind} {name}, but {names}; correct {kind}_name")


def _resized(x: F4, size: tuple[int, int]) -> F4:
    import cv2

    if x.shape == size:
        return x
    return np.asarray(cv2.resize(x, (size[1], size[0])), dtype=np.float32)


def _by(size: Any) -> str:
    return "x".join(str(n) for n in size)
