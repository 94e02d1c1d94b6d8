"""Which NYU40 classes each class of the semantic teacher may stand for.

The teacher knows ADE20K's 31 most frequent classes; what it cannot say it calls something else,
mostly wall. A student is therefore asked only to be within the set. Classes of the outdoors, and
0 = anything else, stand for nothing: their pixels teach nothing.
Source: measured confusions of the teacher on NYU Depth v2 (Silberman et al., ECCV 2012).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from m2h.types import N_CLASSES

N_TEACHER = 32
TEACHER_UNSURE = 255

NYU40 = (
    "unknown", "wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window",
    "bookshelf", "picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow",
    "mirror", "floor mat", "clothes", "ceiling", "books", "refrigerator", "television", "paper",
    "towel", "shower curtain", "box", "whiteboard", "person", "night stand", "toilet", "sink",
    "lamp", "bathtub", "bag", "other structure", "other furniture", "other prop",
)  # fmt: skip

TEACHER = (
    "other", "wall", "building", "sky", "floor", "tree", "ceiling", "road", "bed", "windowpane",
    "grass", "cabinet", "sidewalk", "person", "earth", "door", "table", "mountain", "plant",
    "curtain", "chair", "car", "water", "painting", "sofa", "shelf", "house", "sea", "mirror",
    "rug", "field", "armchair",
)  # fmt: skip

UNSAYABLE = (
    "bathtub", "shower curtain", "toilet", "towel", "lamp", "whiteboard", "refrigerator", "sink",
    "television", "pillow", "books", "box", "paper", "bag", "clothes", "other structure",
    "other furniture", "other prop",
)  # fmt: skip

MEANINGS: dict[str, tuple[str, ...]] = {
    "wall": ("wall", *UNSAYABLE),
    "cabinet": (
        "cabinet", "dresser", "counter", "desk", "night stand", "refrigerator", "sink",
        "other furniture",
    ),
    "table": ("table", "desk", "night stand", "counter"),
    "shelf": ("bookshelf", "shelves", "books"),
    "sofa": ("sofa", "chair", "pillow"),
    "armchair": ("sofa", "chair", "pillow"),
    "chair": ("chair",),
    "windowpane": ("window", "blinds"),
    "curtain": ("curtain", "shower curtain"),
    "bed": ("bed", "pillow"),
    "floor": ("floor", "floor mat"),
    "rug": ("floor", "floor mat"),
    "painting": ("picture", "television"),
    "mirror": ("mirror",),
    "door": ("door",),
    "ceiling": ("ceiling",),
    "person": ("person",),
}  # fmt: skip


def allowed_classes() -> NDArray[np.bool_]:
    """(32, 41) whether a NYU40 id (column) may lie under a teacher's class (row).

    Rows of classes that teach nothing are all false; so is the column of 0 = unknown.
    """
    table = np.zeros((N_TEACHER, N_CLASSES), bool)
    for name, meanings in MEANINGS.items():
        table[TEACHER.index(name), [NYU40.index(m) for m in meanings]] = True
    return table
