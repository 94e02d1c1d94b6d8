"""NYU Depth v2's 894 raw classes as the 40 of the usual benchmark.

37 raw classes stay themselves; all others are one of three heaps.
Source: Gupta, Arbelaez, Malik, "Perceptual Organization and Recognition of Indoor Scenes from
RGB-D Images", CVPR 2013.
"""

from __future__ import annotations

import numpy as np

from m2h.types import U1

N_RAW = 894
OTHER_STRUCTURE_ID, OTHER_FURNITURE_ID, OTHER_PROP_ID = 38, 39, 40

# raw class of NYU40 ids 1..37
NAMED = (
    21, 11, 3, 157, 5, 83, 19, 28, 59, 88, 64, 7, 80, 36, 42, 89, 169, 119, 122, 143, 141, 4,
    85, 17, 172, 15, 135, 123, 26, 45, 331, 158, 124, 24, 144, 136, 55,
)  # fmt: skip
OTHER_STRUCTURE = (
    8, 25, 33, 38, 51, 53, 57, 58, 62, 65, 79, 94, 104, 112, 134, 153, 215, 216, 223, 225, 238,
    241, 242, 256, 295, 301, 339, 342, 354, 363, 372, 380, 392, 408, 412, 453, 456, 463, 477,
    497, 541, 550, 553, 567, 573, 582, 591, 609, 612, 615, 642, 645, 657, 658, 659, 663, 667,
    668, 686, 700, 702, 777, 778, 782, 850, 861, 868, 874,
)  # fmt: skip
OTHER_FURNITURE = (
    12, 43, 48, 50, 87, 106, 111, 161, 163, 174, 183, 204, 214, 219, 221, 224, 236, 262, 278,
    291, 298, 313, 343, 344, 356, 359, 373, 393, 401, 414, 418, 419, 430, 443, 444, 447, 448,
    457, 458, 460, 462, 475, 479, 485, 486, 493, 494, 498, 499, 509, 510, 515, 521, 524, 540,
    549, 551, 554, 556, 558, 576, 580, 608, 625, 703, 734, 770, 772, 797, 800, 803, 804, 813,
    814, 815, 820, 829, 835, 858, 863, 882, 892,
)  # fmt: skip


def nyu40_of_raw() -> U1:
    """(895,) NYU40 id of each raw class; 0 stays 0 = unknown."""
    table = np.full(N_RAW + 1, OTHER_PROP_ID, np.uint8)
    table[0] = 0
    table[list(NAMED)] = np.arange(1, len(NAMED) + 1)
    table[list(OTHER_STRUCTURE)] = OTHER_STRUCTURE_ID
    table[list(OTHER_FURNITURE)] = OTHER_FURNITURE_ID
    return table
