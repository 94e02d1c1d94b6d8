"""Semantic labels of photographs by a small open segmenter, kept in one file.

The network is MOSAIC (ADE20K's 31 most frequent classes, 0 = anything else; Apache-2.0, from
mlcommons/mobile_open), run by OpenVINO on the whole picture squashed to its input. Its logits are
the input of the last arg-max; a pixel is kept where the most probable class has at least
`MIN_PROBABILITY` and teaches something, else it is `TEACHER_UNSURE`.

The file of labels is an npz: `names` (N,) of the pictures, `starts` (N + 1,) and `stream`, PNGs at
the pictures' sizes one behind the other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from m2h.data.label_sets import N_TEACHER, TEACHER_UNSURE, allowed_classes
from m2h.data.pictures import decoded, files_by_stem, read_rgb
from m2h.errors import BackendError, DataError
from m2h.openvino_engine import openvino_core
from m2h.types import U1

MIN_PROBABILITY = 0.8
N_THREADS = 1


class Teacher:
    """The segmenter, ready to label pictures."""

    def __init__(self, path: Path | str, min_probability: float = MIN_PROBABILITY) -> None:
        """Load the network.

        Args:
            path: the .tflite file.
            min_probability: of the top class for a pixel to be kept.

        Raises:
            BackendError: OpenVINO is missing, or the file is not such a network.
        """
        self._network = _compiled(Path(path))
        self._min_probability = min_probability
        self._teaches = np.asarray(allowed_classes().any(axis=1), bool)
        self._size = tuple(self._network.input(0).shape[1:3])

    def label(self, image: U1) -> U1:
        """Teacher's classes (H, W) of a picture (H, W, 3): 1..31, or `TEACHER_UNSURE`."""
        import cv2

        height, width = image.shape[:2]
        squashed = cv2.resize(image, self._size[::-1], interpolation=cv2.INTER_AREA)
        logits = self._network(squashed[None])[0][0]
        top = logits.max(axis=-1)
        probability = 1.0 / np.exp(logits - top[..., None]).sum(axis=-1)
        labels = logits.argmax(axis=-1).astype(np.uint8)
        labels[(probability < self._min_probability) | ~self._teaches[labels]] = TEACHER_UNSURE
        way = cv2.INTER_NEAREST_EXACT
        return np.asarray(cv2.resize(labels, (width, height), interpolation=way), np.uint8)


class TeacherLabels:
    """Labels of pictures as `write_labels` kept them."""

    def __init__(self, path: Path | str) -> None:
        """Read the file.

        Raises:
            DataError: the file is missing or is no such file.
        """
        self.path = Path(path)
        if not self.path.is_file():
            raise DataError(f"{path}: no such file; make it with m2h.data.teacher.label_folder")
        try:
            with np.load(self.path) as stored:
                names, self._starts, self._stream = (
                    stored[key] for key in ("names", "starts", "stream")
                )
        except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
            raise DataError(f"{path}: is no file of teacher labels; make it anew") from error
        self._index = {str(name): k for k, name in enumerate(names)}

    def of(self, name: str) -> U1:
        """(H, W) labels of a picture.

        Raises:
            DataError: the file has none of that name.
        """
        if name not in self._index:
            raise DataError(f"{self.path}: has no labels of {name}; label the folder again")
        k = self._index[name]
        stream = self._stream[self._starts[k] : self._starts[k + 1]]
        return np.asarray(decoded(stream, f"{self.path}: {name}"), np.uint8)


def label_folder(
    folder: Path | str,
    network: Path | str,
    path: Path | str,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Label all pictures of a folder and keep the labels in the file `path`.

    Args:
        folder: of .jpg or .png files.
        network: the teacher's file.
        path: of the npz to write, whole or not at all.
        progress: told how many of how many are done.

    Raises:
        DataError: the folder has no pictures. BackendError: see `Teacher`.
    """
    files, teacher = files_by_stem(Path(folder)), Teacher(network)

    def labelled() -> Iterator[tuple[str, U1]]:
        for k, (name, file) in enumerate(files.items()):
            yield name, teacher.label(read_rgb(file))
            if progress:
                progress(k + 1, len(files))

    write_labels(path, labelled())


def write_labels(path: Path | str, labels: Iterable[tuple[str, U1]]) -> None:
    """Keep labels (H, W) by name in one file."""
    import cv2

    names, streams = [], [np.zeros(0, np.uint8)]
    for name, plane in labels:
        names.append(name)
        streams.append(np.asarray(cv2.imencode(".png", plane)[1], np.uint8).ravel())
    starts = np.cumsum([len(s) for s in streams])
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part.npz")
    try:
        np.savez(part, names=np.array(names), starts=starts, stream=np.concatenate(streams))
        os.replace(part, target)  # noqa: PTH105 - the atomic one on every system
    finally:
        part.unlink(missing_ok=True)


def _compiled(path: Path) -> Any:
    try:
        import openvino
    except ImportError as error:
        raise BackendError("the teacher needs OpenVINO; pip install openvino") from error
    if not path.is_file():
        raise BackendError(f"{path}: no such file; name the teacher's .tflite file")
    core = openvino_core()
    try:
        model = core.read_model(path)
    except RuntimeError as error:
        raise BackendError(f"{path}: OpenVINO cannot read it; copy the file again") from error
    ends = [op for op in model.get_ordered_ops() if op.get_type_name() == "TopK"]
    if not ends or ends[-1].input_value(0).get_partial_shape()[-1] != N_TEACHER:
        raise BackendError(f"{path}: is not a segmenter of {N_TEACHER} classes; name MOSAIC's file")
    logits = openvino.Model([ends[-1].input_value(0)], model.get_parameters(), "teacher")
    return core.compile_model(logits, "CPU", {"INFERENCE_NUM_THREADS": N_THREADS})
