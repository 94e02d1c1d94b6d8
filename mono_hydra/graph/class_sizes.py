"""Usual sizes of object classes: what may be a part, what must be several, what stands where."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Literal

import numpy as np
import yaml

from mono_hydra.errors import LabelError
from mono_hydra.graph.boxes import THIN_M
from mono_hydra.labels import LabelSpace
from mono_hydra.types import F8

IMPLAUSIBLE_SHARES = (0.7, 1.0)  # of the least size, on the worst and the second worst axis
PLATE_SHARE = 0.4  # of the least size; what is thinner is a part of something
BULKY_M = 0.6  # least length of furniture that no view shows as a plate


@dataclass(frozen=True, eq=False)
class ClassSize:
    """Usual sizes of one class; sides are (longer, shorter, height) in metres."""

    least_m: F8
    most_m: F8
    stands: Literal["floor", "wall", "any"]
    hidden_gap_m: float = 0.0  # an unseen underside this far above the floor reaches it
    stacked_gap_m: float = 0.0  # parts above one another with at most this gap are one
    backed: bool = False  # usually stands with its back to a wall
    group_gap_m: float = 0.0  # pieces with at most this gap are counted as one, as a heap is

    def is_fragment(self, size_m: F8, factor: float = 0.75) -> bool:
        """Whether something is probably a part.

        On two axes below `factor` of the least size, or a strip of something that hangs on a wall,
        or a mere plate of something bulky: the headboard of a bed. Of furniture with its back to a
        wall the front alone may be seen, which is a plate as well.
        """
        sides = _sorted(size_m)
        if np.count_nonzero(sides < factor * self.least_m) >= 2:
            return True
        thin = sides < PLATE_SHARE * self.least_m
        if self.stands == "wall":
            return bool(thin[0] or thin[2])
        is_bulky = self.stands == "floor" and self.least_m[0] >= BULKY_M and not self.backed
        return bool(is_bulky and thin[1])

    def is_plate(self, size_m: F8) -> bool:
        """Whether something that stands on the floor is far too thin, its unseen back included."""
        return self.stands == "floor" and bool(_sorted(size_m)[1] < PLATE_SHARE * self.least_m[1])

    def is_implausible(self, size_m: F8) -> bool:
        """Whether a box thought whole is hardly ever as small: far on one axis, less on two."""
        shares = np.sort(np.maximum(_sorted(size_m), THIN_M) / np.maximum(self.least_m, THIN_M))
        return bool(shares[0] < IMPLAUSIBLE_SHARES[0] or shares[1] < IMPLAUSIBLE_SHARES[1])

    def fits(self, size_m: F8, slack_m: float = 0.03) -> bool:
        """Whether something of this size may be one object."""
        return bool((_sorted(size_m) <= self.most_m + slack_m).all())


def _sorted(size_m: F8) -> F8:
    return np.array([max(size_m[:2]), min(size_m[:2]), size_m[2]])


def load_class_sizes(label_space: LabelSpace) -> dict[int, ClassSize]:
    """Sizes by label id for every object class of a label space.

    Raises:
        LabelError: an entry of the shipped table is malformed.
    """
    text = (resources.files("mono_hydra.graph") / "class_sizes.yaml").read_text(encoding="utf-8")
    rows = yaml.safe_load(text)
    sizes = {}
    for label in sorted(label_space.object_ids):
        names = [label_space.by_id[label].name, *label_space.by_id[label].aliases]
        name = next((n for n in names if n in rows), "default")
        try:
            row = dict(rows[name])
            sizes[label] = ClassSize(
                np.array(row.pop("least"), dtype=np.float64),
                np.array(row.pop("most"), dtype=np.float64),
                **row,
            )
        except (KeyError, TypeError) as error:
            raise LabelError(
                f"class_sizes.yaml: entry {name!r} needs least, most and stands ({error})"
            ) from error
    return sizes
