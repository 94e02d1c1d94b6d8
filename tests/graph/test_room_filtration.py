"""Filtration of clearance-weighted graphs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from mono_hydra.graph import room_filtration as rf


def two_chains(neck_m: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two chains of 12 wide places joined by one narrow edge."""
    edges = [(k, k + 1) for k in range(23)]
    widths = np.array([neck_m if k == 11 else 1.3 for k in range(23)])
    return np.full(24, 1.3), np.array(edges, np.int32), widths


def test_a_narrow_edge_gives_two_components_until_it_opens() -> None:
    radii, edges, widths = two_chains(0.45)
    curve = rf.filtration(len(radii), edges, widths, 10)
    assert curve.counts[-2] == 2
    assert curve.counts[-1] == 1
    assert rf.seeds(radii, edges, widths, 0.5, 10).max() == 1
    assert rf.seeds(radii, edges, widths, 0.4, 10).max() == 0


def test_the_plateau_with_most_components_wins_if_it_lives_long_enough() -> None:
    runs = [rf.Plateau(0.5, 0.9, 1), rf.Plateau(0.92, 1.0, 3), rf.Plateau(1.01, 1.02, 5)]
    chosen = rf.choose_plateau(runs, 0.15)
    assert chosen is not None
    assert chosen.count == 3
    assert rf.choose_plateau([], 0.15) is None


def test_growing_takes_the_widest_way() -> None:
    seed = np.array([0, -1, -1, 1], np.int32)
    edges = np.array([[0, 1], [1, 2], [2, 3]], np.int32)
    assert rf.grow(seed, edges, np.array([0.9, 0.3, 0.8])).tolist() == [0, 0, 1, 1]
    assert rf.grow(seed, edges, np.array([0.3, 0.9, 0.8])).tolist() == [0, 1, 1, 1]


def test_nodes_that_nothing_joins_to_a_seed_stay_without_one() -> None:
    label = rf.grow(np.array([0, -1, -1], np.int32), np.array([[1, 2]], np.int32), np.array([1.0]))
    assert label.tolist() == [0, -1, -1]


@pytest.mark.data
def test_the_apartment_gives_the_published_filtration() -> None:
    root = os.environ.get("MONO_HYDRA_TEST_DATA")
    if not root or not (Path(root) / "spark_dsg" / "apartment_dsg.json").is_file():
        pytest.skip("MONO_HYDRA_TEST_DATA does not name the test recordings")
    graph = json.loads((Path(root) / "spark_dsg" / "apartment_dsg.json").read_text())
    radius = {
        n["id"]: n["attributes"]["distance"] for n in graph["nodes"] if chr(n["id"] >> 56) == "p"
    }
    index = {place: k for k, place in enumerate(sorted(radius))}
    rows = [
        (index[e["source"]], index[e["target"]], e["info"]["weight"])
        for e in graph["edges"]
        if e["source"] in index and e["target"] in index
    ]
    edges = np.array([r[:2] for r in rows], np.int32)
    widths = np.array([r[2] for r in rows])
    radii = np.array([radius[p] for p in sorted(radius)])
    curve = rf.filtration(len(radii), edges, widths, 10)
    runs = rf.plateaus(curve, 0.5, 1.2)
    expected = [(0.500, 1.082, 1), (1.100, 1.118, 2), (1.136, 1.145, 1)]
    assert [(round(r.low_m, 3), round(r.high_m, 3), r.count) for r in runs[:3]] == expected
    for ratio in (0.15, 0.25, 0.5):
        chosen = rf.choose_plateau(runs, ratio)
        assert chosen is not None
        assert chosen.low_m == pytest.approx(0.5)
        seeds = rf.seeds(radii, edges, widths, chosen.low_m, 10)
        assert np.bincount(seeds[seeds >= 0]).tolist() == [148]
