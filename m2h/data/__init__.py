"""Training and test sets: readers give `Sample`s, `MixedBatches` mixes and augments them."""

from m2h.data.augment import Framing, augment, centred
from m2h.data.batches import SHARES, MixedBatches, Reader, collate, held_out_batches
from m2h.data.label_sets import allowed_classes
from m2h.data.nyuv2 import NyuFolder
from m2h.data.photos import Photographs
from m2h.data.shards import SimulatedViews

__all__ = [
    "SHARES",
    "Framing",
    "MixedBatches",
    "NyuFolder",
    "Photographs",
    "Reader",
    "SimulatedViews",
    "allowed_classes",
    "augment",
    "centred",
    "collate",
    "held_out_batches",
]
