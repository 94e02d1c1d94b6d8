"""Photographs of rooms without truth, labelled by the semantic teacher.

DIR/*.jpg or *.png      any sizes, unknown cameras
FILE.npz                the teacher's labels, see `m2h.data.teacher`
"""

from __future__ import annotations

from pathlib import Path

from m2h.data.pictures import files_by_stem, read_rgb, same_size
from m2h.data.teacher import TeacherLabels
from m2h.types import Sample


class Photographs:
    """Pictures of a folder with the teacher's labels."""

    def __init__(self, folder: Path | str, labels: Path | str | None = None) -> None:
        """List the pictures.

        Args:
            folder: of pictures.
            labels: the teacher's file; None = pictures alone.

        Raises:
            DataError: the folder is empty or the file is missing.
        """
        self._files = files_by_stem(Path(folder))
        self.names = list(self._files)
        self._labels = TeacherLabels(labels) if labels is not None else None

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        """One picture; camera, depth, normals and edges are unknown.

        Raises:
            DataError: a picture is damaged or has no labels of its size.
        """
        name = self.names[index]
        image = read_rgb(self._files[name])
        teacher = None
        if self._labels is not None:
            teacher = same_size(self._labels.path, image, self._labels.of(name))
        return Sample(source="photos", name=name, image=image, teacher=teacher)
