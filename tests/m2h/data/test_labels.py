import numpy as np

from m2h.data.label_sets import NYU40, TEACHER, allowed_classes
from m2h.data.nyu894 import nyu40_of_raw
from mono_hydra.labels import load_label_space


def meanings(name):
    return {NYU40[k] for k in np.flatnonzero(allowed_classes()[TEACHER.index(name)])}


def test_a_teacher_s_wall_may_be_what_it_cannot_say():
    assert {"wall", "bathtub", "television", "other prop"} <= meanings("wall")
    assert not {"unknown", "door", "floor", "cabinet"} & meanings("wall")


def test_sets_are_those_of_the_recipe():
    assert meanings("sofa") == meanings("armchair") == {"sofa", "chair", "pillow"}
    assert meanings("shelf") == {"bookshelf", "shelves", "books"}
    assert meanings("rug") == {"floor", "floor mat"}
    assert meanings("table") == {"table", "desk", "night stand", "counter"}


def test_outdoors_and_other_teach_nothing():
    for name in ("other", "sky", "building", "tree", "car", "sea"):
        assert meanings(name) == set()
    assert allowed_classes().shape == (32, 41)
    assert not allowed_classes()[:, 0].any()


def test_names_stand_at_the_ids_of_the_label_space():
    space = load_label_space("nyu40")
    written = {"refrigerator": {"refrigerator", "refridgerator"}}
    for k in range(1, 41):
        theirs = space.name_of(k).replace("other", "other ").replace("  ", " ")
        assert theirs in written.get(NYU40[k], {NYU40[k]})


def test_raw_classes_of_known_names():
    table = nyu40_of_raw()
    assert table.shape == (895,)
    assert table[0] == 0
    assert table[[1, 3, 4]].tolist() == [40, 3, 22]  # book, cabinet, ceiling
    assert np.bincount(table)[[38, 39]].tolist() == [68, 82]
    assert set(range(41)) == set(table.tolist())
