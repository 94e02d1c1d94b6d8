"""Which pictures teach and which are kept aside, from the folders that a user names.

simulated   folder of shards, one home each; the first homes are kept aside, so that a folder
            that grows while the training is interrupted keeps the same ones
nyuv2       DIR/rgb, DIR/depth, DIR/label40; the last 40 frames are kept aside
photos      folder of photographs, with the teacher's labels of them; nothing is kept aside
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from m2h.data.augment import Framing, centred
from m2h.data.batches import MixedBatches, Reader, collate
from m2h.errors import DataError
from m2h.types import Batch, Sample

HELD_OUT_HOUSES, HELD_OUT_FRAMES = 2, 40
HELD_OUT_IMAGES, HELD_OUT_BATCH = 48, 8  # judged of each source


class Part:
    """A contiguous part of a data set."""

    def __init__(self, reader: Reader, first: int, end: int) -> None:
        self.reader, self.first, self.end = reader, first, end

    def __len__(self) -> int:
        return self.end - self.first

    def __getitem__(self, index: int) -> Sample:
        """Sample number `index` of the part."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.reader[self.first + index]


@dataclass(frozen=True)
class Sources:
    """Training and held-out part by source."""

    training: dict[str, Reader]
    held_out: dict[str, Reader]


def open_sources(
    *,
    simulated: Path | None = None,
    nyuv2: Path | None = None,
    photos: Path | None = None,
    teacher: Path | None = None,
) -> Sources:
    """Open what is named; `teacher` is the file of labels for the photographs.

    Raises:
        DataError: nothing is named, or a folder is missing or empty.
    """
    training: dict[str, Reader] = {}
    held_out: dict[str, Reader] = {}
    if simulated is not None:
        training["simulated"], held_out["simulated"] = _split_homes(simulated)
    if nyuv2 is not None:
        training["nyuv2"], held_out["nyuv2"] = _split_frames(nyuv2)
    if photos is not None:
        training["photos"] = _photographs(photos, teacher)
    if not training:
        raise DataError("training data: none is given; name --simulated, --nyuv2 or --photos")
    return Sources(training, held_out)


def mixed_batches(
    sources: Sources,
    *,
    batch: int,
    seed: int,
    size: tuple[int, int],
    shares: Mapping[str, float] | None = None,
) -> MixedBatches:
    """Batch number k of the training; `size` is (height, width)."""
    framing = Framing(height=size[0], width=size[1])
    return MixedBatches(sources.training, batch=batch, seed=seed, framing=framing, shares=shares)


def held_out_batches(
    sources: Sources, size: tuple[int, int]
) -> dict[str, Callable[[], Iterator[Batch]]]:
    """For each source a way to make the held-out batches anew."""
    framing = Framing(height=size[0], width=size[1])

    def maker(reader: Reader) -> Callable[[], Iterator[Batch]]:
        return lambda: _batches(reader, framing)

    return {name: maker(reader) for name, reader in sources.held_out.items()}


def _batches(reader: Reader, framing: Framing) -> Iterator[Batch]:
    """Pictures spread over the reader, at the training's size, not augmented."""
    n = min(len(reader), HELD_OUT_IMAGES)
    indices = [k * len(reader) // n for k in range(n)]
    for first in range(0, n, HELD_OUT_BATCH):
        chosen = indices[first : first + HELD_OUT_BATCH]
        yield collate([centred(reader[index], framing) for index in chosen])


def _split_homes(folder: Path) -> tuple[Reader, Reader]:
    from m2h.data.shards import SimulatedViews

    everything = SimulatedViews(folder)
    if everything.n_houses < 2:
        raise DataError(f"{folder}: holds one home; render at least two, one is kept aside")
    n_homes = min(HELD_OUT_HOUSES, everything.n_houses // 2)
    n_views = len(SimulatedViews(folder, max_houses=n_homes))
    return Part(everything, n_views, len(everything)), Part(everything, 0, n_views)


def _split_frames(folder: Path) -> tuple[Reader, Reader]:
    from m2h.data.nyuv2 import NyuFolder

    everything = NyuFolder(folder)
    # neighbours in the list show one scene: a block is kept aside, not every n-th frame
    n_aside = min(HELD_OUT_FRAMES, len(everything) // 4)
    if not n_aside:
        raise DataError(f"{folder}: holds {len(everything)} frames; at least 4 are needed")
    first = len(everything) - n_aside
    return Part(everything, 0, first), Part(everything, first, len(everything))


def _photographs(folder: Path, teacher: Path | None) -> Reader:
    from m2h.data.photos import Photographs

    if teacher is None:
        raise DataError(
            f"{folder}: photographs teach nothing without labels; name --teacher FILE, "
            "labels made before (.npz) or the network that makes them"
        )
    return Photographs(folder, teacher)


def labels_of_photos(
    photos: Path, teacher: Path, out: Path, progress: Callable[[int, int], None] | None = None
) -> Path:
    """The file of labels: `teacher` itself, or the one a teacher network writes in `out` once.

    Raises:
        DataError: there are no photographs.
        BackendError: the network cannot be run.
    """
    from m2h.data.teacher import label_folder

    if teacher.suffix == ".npz":
        return teacher
    path = out / "photo_labels.npz"
    if not path.is_file():
        label_folder(photos, teacher, path, progress)
    return path
