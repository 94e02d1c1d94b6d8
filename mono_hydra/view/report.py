"""The report of a run: one HTML file that reads offline, on a screen and on a phone."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mono_hydra.errors import DependencyError
from mono_hydra.files.atomic import write_text
from mono_hydra.files.images import data_uri, encode_image
from mono_hydra.graph.scene_graph import SceneGraph, node_id
from mono_hydra.io.tree_json import scene_tree
from mono_hydra.labels.label_space import LabelSpace
from mono_hydra.labels.room_names import room_rgb
from mono_hydra.types import F8, U1, MeshBlock, TrackRecord
from mono_hydra.view.floor_plan import floor_plan
from mono_hydra.view.plan_shapes import TIMES, plan_svg
from mono_hydra.view.plots import filtration_plot, motion_plot, timing_plot, tracking_plot

logger = logging.getLogger(__name__)

_CROP_PX = 168
_SOURCES = {
    ("poses", "dataset"): ("given", "taken from the recording"),
    ("poses", "vio"): ("estimated", "visual-inertial odometry"),
    ("poses", "vo"): ("estimated", "visual odometry with predicted depth"),
    ("depth", "sensor"): ("given", "depth sensor of the recording"),
    ("depth", "m2h"): ("estimated", "predicted from single images"),
    ("depth", "file"): ("estimated", "predicted from single images by a depth network of the user"),
    ("labels", "dataset"): ("given", "taken from the recording"),
    ("labels", "m2h"): ("estimated", "predicted from single images"),
    ("labels", "none"): ("none", "the map has no labels"),
}
_FILES = (
    ("scene_graph.json", "the scene graph, Spark-DSG 1.1.3 (Hydra, spark_dsg)"),
    ("scene_tree.json", "building, rooms, objects as a plain tree, with a JSON Schema"),
    ("scene_graph.graphml", "the graph for Gephi, yEd, networkx"),
    ("mesh.ply", "the mesh with colour, label and confidence of each vertex"),
    ("trajectory.txt", "camera poses, TUM format"),
    ("tracking.csv", "state, tracks and depth scale of each frame, where poses were estimated"),
    ("session.rrd", "the whole run for the Rerun viewer: rerun session.rrd"),
    ("metrics.json", "rates, times, memory, scores"),
    ("config.yaml", "the settings that ran"),
)


@dataclass(frozen=True, eq=False)
class ReportInput:
    """What a report is made of; all of it lies in a run folder."""

    graph: SceneGraph
    label_space: LabelSpace
    metrics: dict[str, Any]
    stamps_s: F8  # (N,)
    T_world_camera: F8  # (N, 4, 4)
    mesh: MeshBlock | None = None
    tracking: tuple[TrackRecord, ...] = ()  # of estimated poses


def write_report(path: Path | str, run: ReportInput) -> None:
    """Write the report.

    Raises:
        OutputError: the file cannot be written.
    """
    write_text(path, report_html(run))


def report_html(run: ReportInput) -> str:
    """The page; nothing in it is loaded from elsewhere."""
    import jinja2

    source = (resources.files("mono_hydra.view") / "report.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    tree = scene_tree(run.graph)
    finite = np.isfinite(run.T_world_camera).all(axis=(1, 2))
    stamps_s, positions_m = run.stamps_s[finite], run.T_world_camera[finite][:, :3, 3]
    return environment.from_string(source).render(
        tree=tree,
        metrics=run.metrics,
        title=tree["sequence"] or "scene",
        rooms=[_room(run.graph, room) for s in tree["building"]["storeys"] for room in s["rooms"]],
        many_storeys=len(tree["building"]["storeys"]) > 1,
        outside=[_object(run.graph, o) for o in tree["objects_outside_rooms"]],
        sources=_sources(run.metrics.get("provenance") or tree["provenance"]),
        overview=_overview(run),
        plans=_plans(run, tree, positions_m),
        path_facts=_path_facts(stamps_s, positions_m),
        motion=motion_plot(stamps_s, positions_m) if len(stamps_s) > 2 else "",
        tracking=tracking_plot(run.tracking) if len(run.tracking) > 2 else "",
        timing=_timing_rows(run.metrics),
        timing_curve=timing_plot(run.metrics["timing_ms"]) if run.metrics.get("timing_ms") else "",
        filtration=_filtration(run.metrics),
        scores=_score_rows(run.metrics.get("scores") or {}),
        files=_FILES,
    )


def _overview(run: ReportInput) -> str:
    """A picture of mesh and graph as data URI; empty without a mesh or without Open3D."""
    if run.mesh is None or not len(run.mesh.faces):
        return ""
    from mono_hydra.view.picture import PAPER, overview_image, trimmed

    try:
        image = overview_image(run.mesh, run.graph, run.label_space, width_px=1280)
    except DependencyError as error:
        logger.warning("report without a picture: %s", error)
        return ""
    return data_uri(encode_image(trimmed(image, PAPER), ".jpg", quality=86), "jpeg")


def _plans(run: ReportInput, tree: dict[str, Any], path_m: F8) -> list[dict[str, str]]:
    storeys = tree["building"]["storeys"]
    if len(storeys) <= 1:
        plan = floor_plan(run.graph, run.label_space, None, path_m)
        return [{"name": "", "svg": plan_svg(plan)}]
    return [
        {
            "name": f"storey {s['id']}",
            "svg": plan_svg(floor_plan(run.graph, run.label_space, s["id"], path_m)),
        }
        for s in storeys
    ]


def _room(graph: SceneGraph, room: dict[str, Any]) -> dict[str, Any]:
    named = {k: v for k, v in room["probabilities"].items() if v >= 0.02}
    doors = [d for _, _, e in graph.edges("rooms") for d in e.doors]
    widths = [doors[int(name[1:])].width_m for name in room["doors"]]
    return {
        **room,
        "rgb": "rgb({}, {}, {})".format(*room_rgb(int(room["id"][1:]))),
        "named": list(named.items())[:4],
        "door_widths": ", ".join(f"{w:.2f} m" for w in widths),
        "objects": [_object(graph, o) for o in room["objects"]],
    }


def _object(graph: SceneGraph, record: dict[str, Any]) -> dict[str, Any]:
    crop = graph.attributes(node_id("O", int(record["id"][1:]))).crop_rgb
    size = f"\u2009{TIMES}\u2009".join(
        f"{record['dimensions'][k]:.2f}" for k in ("length", "width", "height")
    )
    said = [f"{r['predicate'].replace('_', ' ')} {r['label']}" for r in record["relations"]]
    image = "" if crop is None or not crop.size else data_uri(_small_jpeg(crop), "jpeg")
    return {**record, "crop": image, "size": size, "said": ", ".join(said)}


def _small_jpeg(rgb: U1) -> bytes:
    scale = _CROP_PX / max(rgb.shape[:2])
    if scale < 1.0:
        size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return encode_image(rgb, ".jpg", quality=80)


def _sources(provenance: dict[str, Any]) -> list[dict[str, str]]:
    rows = []
    for part in ("poses", "depth", "labels"):
        value = str(provenance.get(part, ""))
        kind, note = _SOURCES.get((part, value), ("unknown", value or "not stated"))
        rows.append({"part": part, "kind": kind, "value": value, "note": note})
    if provenance.get("depth_file"):
        own = provenance.get("depth_scale") == "own"
        scale = "its own scale" if own else "scale of each keyframe from the depth of m2h_tiny"
        value = str(provenance["depth_file"])
        rows.append({"part": "depth file", "kind": "estimated", "value": value, "note": scale})
    degrade = str(provenance.get("degrade", "none"))
    if degrade != "none":
        note = f"errors like those of a {degrade} were added to depth and labels"
        rows.append({"part": "degraded", "kind": "changed", "value": degrade, "note": note})
    return rows


def _path_facts(stamps_s: F8, positions_m: F8) -> list[tuple[str, str]]:
    if len(stamps_s) < 2:
        return []
    length = float(np.linalg.norm(np.diff(positions_m, axis=0), axis=1).sum())
    duration = float(stamps_s[-1] - stamps_s[0])
    gap = float(np.linalg.norm(positions_m[-1] - positions_m[0]))
    return [
        ("length", f"{length:.1f} m"),
        ("duration", f"{duration:.1f} s"),
        ("mean speed", f"{length / duration:.2f} m/s" if duration > 0 else "-"),
        ("start to end", f"{gap:.2f} m"),
        ("poses", str(len(stamps_s))),
    ]


def _timing_rows(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    timing = metrics.get("timing_ms") or {}
    total = sum(t["sum_s"] for t in timing.values()) or 1.0
    rows = [
        {"stage": stage, **t, "share": 100.0 * t["sum_s"] / total} for stage, t in timing.items()
    ]
    return sorted(rows, key=lambda r: (-r["sum_s"], r["stage"]))


def _filtration(metrics: dict[str, Any]) -> str:
    """The curve behind the rooms, if the run kept it."""
    curve = metrics.get("room_filtration")
    if not curve:
        return ""
    table = np.array(curve["components"], dtype=np.float64).reshape(-1, 2)
    return filtration_plot(table[:, 0], table[:, 1], curve["chosen_m"]) if len(table) else ""


def _score_rows(scores: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Headline scores with dotted names."""
    wanted = ("f1", ".f", "precision", "recall", "miou", "rmse", "success", "coverage")
    rows: list[tuple[str, str]] = []
    for key, value in scores.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            rows += _score_rows(value, f"{name}.")
        elif isinstance(value, float | int) and name.endswith(wanted) and "per_class" not in name:
            rows.append((name, f"{value:.3g}"))
    return rows
