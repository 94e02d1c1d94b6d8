"""Rooms and doors: hand-worked partitions and the box world."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import box_world
import numpy as np
import pytest

from mono_hydra.evaluation.alignment import Alignment
from mono_hydra.evaluation.doors import EstimatedDoor, TrueDoor, score_doors
from mono_hydra.evaluation.graph_file import read_graph
from mono_hydra.evaluation.places import estimated_places
from mono_hydra.evaluation.rooms import overlap_of, overlap_shares, score_rooms
from mono_hydra.evaluation.truth import Truth

pytestmark = pytest.mark.open3d
HERE = Alignment(np.eye(3), np.zeros(3))


def rooms_of(graph: dict[str, Any], truth: Truth, folder: Path) -> dict[str, Any]:
    path = folder / "scene_graph.json"
    path.write_text(json.dumps(graph), encoding="utf-8")
    read = read_graph(path)
    found = score_rooms(read, estimated_places(read, HERE), truth, HERE)
    assert found is not None
    return found[0]


def with_building(truth: Truth, building: dict[str, Any]) -> Truth:
    changed = replace(truth)
    changed.__dict__["building"] = building
    return changed


@pytest.fixture(scope="module")
def graph() -> dict[str, Any]:
    return box_world.perfect_graph()


def test_precision_and_recall_are_means_of_the_best_overlap_share() -> None:
    #          room 0: 60 voxels, of which 45 in the first estimate; room 1: 40, all in the second
    true = np.array([0] * 60 + [1] * 40)
    said = np.array([0] * 45 + [1] * 15 + [1] * 40)
    shares = overlap_shares(overlap_of(said, true, 2, 2))
    assert shares["precision"] == pytest.approx((1.0 + 40 / 55) / 2)
    assert shares["recall"] == pytest.approx((45 / 60 + 1.0) / 2)
    assert shares["precision_total"] == shares["recall_total"] == pytest.approx(0.85)


def test_an_estimated_room_without_voxels_counts_zero_in_precision() -> None:
    true = np.zeros(10, int)
    assert overlap_shares(overlap_of(np.zeros(10, int), true, 2, 1))["precision"] == 0.5


def test_voxels_of_rooms_that_are_not_judged_do_not_count() -> None:
    true, said = np.array([0] * 10 + [-2] * 30), np.zeros(40, int)
    shares = overlap_shares(overlap_of(said, true, 1, 1))
    assert shares["precision"] == shares["recall"] == 1.0


def test_perfect_rooms_score_one(graph: dict[str, Any], truth: Truth, tmp_path: Path) -> None:
    scores = rooms_of(graph, truth, tmp_path)
    assert scores["domain"] == "seen_free"
    assert scores["precision"] > 0.99
    assert scores["recall"] > 0.98
    assert scores["room_f1@0.5"]["f1"] == scores["name_accuracy"] == 1.0
    assert scores["doors"]["f1"] == scores["adjacency"]["f1"] == 1.0
    assert "floor_accuracy" not in scores


def merged_into_one(graph: dict[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(graph)
    first, second = (box_world.node_id("R", k) for k in (1, 2))
    merged["nodes"] = [n for n in merged["nodes"] if n["id"] != second]
    merged["edges"] = [e for e in merged["edges"] if (e["source"], e["target"]) != (first, second)]
    for edge in merged["edges"]:
        edge["source"] = first if edge["source"] == second else edge["source"]
    return merged


def test_one_room_for_two_loses_precision_not_recall(
    graph: dict[str, Any], truth: Truth, tmp_path: Path
) -> None:
    scores = rooms_of(merged_into_one(graph), truth, tmp_path)
    assert scores["precision"] == pytest.approx(0.57, abs=0.03)  # the larger room's share
    assert scores["recall"] > 0.98
    assert scores["name_accuracy"] == 0.5
    assert scores["doors"]["fn"] == 1
    assert scores["rooms_merged"]["true_rooms"] == 2


def test_rooms_across_a_virtual_border_may_be_one(
    graph: dict[str, Any], truth: Truth, tmp_path: Path
) -> None:
    building = copy.deepcopy(truth.building)
    assert building is not None
    building["doors"][0]["virtual"] = True
    scores = rooms_of(merged_into_one(graph), with_building(truth, building), tmp_path)
    merged = scores["rooms_merged"]
    assert scores["precision"] < 0.6
    assert merged["true_rooms"] == 1
    assert merged["precision"] == 1.0
    assert merged["recall"] > 0.98
    assert merged["name_accuracy"] == 1.0
    assert merged["doors"]["f1"] == 1.0  # the border is no door any more: nothing to find


def test_no_rooms_score_zero(graph: dict[str, Any], truth: Truth, tmp_path: Path) -> None:
    bare = copy.deepcopy(graph)
    bare["nodes"] = [n for n in bare["nodes"] if n["layer"] != 4]
    ids = {n["id"] for n in bare["nodes"]}
    bare["edges"] = [e for e in bare["edges"] if e["source"] in ids and e["target"] in ids]
    scores = rooms_of(bare, truth, tmp_path)
    assert scores["precision"] == scores["recall"] == scores["f1"] == 0.0
    assert scores["name_accuracy"] == scores["doors"]["f1"] == 0.0


def test_a_file_without_room_edges_is_read_by_its_place_edges(
    graph: dict[str, Any], truth: Truth, tmp_path: Path
) -> None:
    plain = copy.deepcopy(graph)
    rooms = {box_world.node_id("R", k) for k in (1, 2)}
    plain["edges"] = [e for e in plain["edges"] if {e["source"], e["target"]} != rooms]
    assert rooms_of(plain, truth, tmp_path)["doors"]["f1"] == 1.0


def test_without_free_space_the_polygons_are_the_domain(
    graph: dict[str, Any], truth: Truth, tmp_path: Path
) -> None:
    blind = replace(truth)
    blind.__dict__["free_space"] = None
    scores = rooms_of(graph, blind, tmp_path)
    assert scores["domain"] == "polygons"
    assert scores["precision"] > 0.99
    assert scores["recall"] > 0.95


def test_storeys_are_compared_by_rank(graph: dict[str, Any], truth: Truth, tmp_path: Path) -> None:
    building = copy.deepcopy(truth.building)
    assert building is not None
    building["rooms"][1]["storey"] = 1
    storeyed = copy.deepcopy(graph)
    for node in storeyed["nodes"]:
        if node["layer"] == 4:
            above = node["id"] == box_world.node_id("R", 2)
            node["attributes"]["metadata"]["storey"] = 7 if above else 3
    scores = rooms_of(storeyed, with_building(truth, building), tmp_path)
    assert scores["floor_accuracy"] == 1.0


def door(a: int, b: int, x: float) -> EstimatedDoor:
    return EstimatedDoor((a, b), np.array([x, 0, 1.0]))


def test_doors_need_the_right_rooms_and_place_and_untraversed_ones_are_ignored() -> None:
    true = [
        TrueDoor((0, 1), np.zeros(3), True),
        TrueDoor((1, 2), np.array([5.0, 0, 0]), True),
        TrueDoor((0, 2), np.array([9.0, 0, 0]), False),
    ]
    match = {10: 0, 11: 1, 12: 2}
    said = [door(10, 11, 0.7), door(10, 11, 0.2), door(11, 12, 6.0), door(10, 12, 9.1)]
    scores = score_doors(said, true, match)
    counts = {k: scores["doors"][k] for k in ("tp", "fp", "fn")}
    assert counts == {"tp": 1, "fp": 2, "fn": 1}  # a second one, and one a metre off
    assert scores["adjacency"]["f1"] == 1.0
    stranger = score_doors([door(10, 99, 0.0)], true, match)
    assert stranger["doors"]["fp"] == stranger["adjacency"]["fp"] == 1
