"""The shipped label spaces are complete, and every remap leads somewhere."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from mono_hydra.errors import LabelError
from mono_hydra.labels import load_label_space, remap_table

SPACES = {"nyu40": 41, "nyud20": 21, "ade20k": 151, "scannet20": 21}


@pytest.mark.parametrize(("name", "n_labels"), SPACES.items())
def test_ids_run_from_unknown_without_gaps(name: str, n_labels: int) -> None:
    space = load_label_space(name)
    assert space.name == name
    assert [label.id for label in space.labels] == list(range(n_labels))
    assert space.by_id[0].name == "unknown"
    assert space.by_id[0].kind == "ignore"


@pytest.mark.parametrize("name", SPACES)
def test_every_remap_target_exists_and_every_label_is_mapped(name: str) -> None:
    space = load_label_space(name)
    for target_name, mapping in space.remaps.items():
        target = load_label_space(target_name)
        assert {label.name for label in space.labels} - {"unknown"} <= mapping.keys()
        for source, to in mapping.items():
            assert target.by_id[target.id_of(to)].name == to, f"{source} -> {to}"


@pytest.mark.parametrize("name", ["nyud20", "ade20k", "scannet20"])
def test_every_space_remaps_to_nyu40_without_changing_what_moves(name: str) -> None:
    space, nyu40 = load_label_space(name), load_label_space("nyu40")
    table = remap_table(space, nyu40)
    for label in space.labels:
        kind = nyu40.by_id[int(table[label.id])].kind
        assert kind in ({"dynamic", "ignore"} if label.kind == "dynamic" else {label.kind}), label


def test_scannet20_and_back_keeps_its_classes() -> None:
    nyu40, scannet20 = load_label_space("nyu40"), load_label_space("scannet20")
    there = remap_table(nyu40, scannet20)
    back = remap_table(scannet20, nyu40)
    np.testing.assert_array_equal(there[back[: len(scannet20.labels)]], np.arange(21))


def test_unmapped_space_is_an_error_that_says_where_to_add_it() -> None:
    with pytest.raises(LabelError, match="no remap to ade20k; add one"):
        remap_table(load_label_space("nyud20"), load_label_space("ade20k"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{id: 1, name: wall, kind: solid, rgb: [1, 2, 3]}", "kind 'solid'"),
        ("{id: 1, name: wall, kind: structure, rgb: [1, 2]}", "three whole numbers"),
        ("{id: 1, name: wall, kind: structure, rgb: [1, 2, 300]}", "three whole numbers"),
        ("{id: 300, name: wall, kind: structure, rgb: [1, 2, 3]}", "0..255"),
        ("{id: 1, name: Unknown, kind: structure, rgb: [1, 2, 3]}", "occurs twice"),
        ("{id: 1, name: wall}", "needs id, name, kind and rgb"),
    ],
)
def test_broken_label_is_one_line(tmp_path: Path, row: str, message: str) -> None:
    file = tmp_path / "mine.yaml"
    first = "{id: 0, name: unknown, kind: ignore, rgb: [0, 0, 0]}"
    file.write_text(f"labels:\n  - {first}\n  - {row}\n", encoding="utf-8")
    with pytest.raises(LabelError, match=message) as caught:
        load_label_space(file)
    assert "\n" not in str(caught.value)


def test_remap_from_a_name_that_is_no_label_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "labels:\n  - {id: 0, name: unknown, kind: ignore, rgb: [0, 0, 0]}\n"
        "remaps:\n  nyu40: {wal: wall}\n",
        encoding="utf-8",
    )
    with pytest.raises(LabelError, match="'wal', which is no label"):
        load_label_space(file)


def test_unknown_space_names_the_known_ones() -> None:
    with pytest.raises(LabelError, match="ade20k, nyu40, nyud20, scannet20"):
        load_label_space("coco")


@pytest.mark.data
def test_ids_and_colours_are_the_published_ones() -> None:
    root = os.environ.get("MONO_HYDRA_TEST_DATA")
    if not root:
        pytest.skip("MONO_HYDRA_TEST_DATA is not set")
    for space_name, file in (("ade20k", "ade20k_150.csv"), ("nyu40", "nyu40.csv")):
        space = load_label_space(space_name)
        with (Path(root) / "label_spaces" / file).open(encoding="utf-8") as rows:
            for row in csv.DictReader(rows):
                label = space.by_id[int(row["id"])]
                assert label.rgb == (int(row["r"]), int(row["g"]), int(row["b"])), label.name
