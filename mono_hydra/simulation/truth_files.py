"""The truth folder of a simulated sequence: every file but the images, written at the end.

Metres, seconds, radians; world z up, right-handed; quaternions x y z w. `was_traversed` decides
which doors the camera passed, `object_sight` (truth.py) which objects are observable.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mono_hydra.files.atomic import write_text
from mono_hydra.files.ply import Ply, write_ply
from mono_hydra.files.trajectory import write_trajectory
from mono_hydra.geometry import se3
from mono_hydra.labels import load_label_space
from mono_hydra.simulation.free_floor import inside_polygon
from mono_hydra.simulation.free_space import FreeSpace
from mono_hydra.simulation.house import Doorway, House
from mono_hydra.simulation.imu import SensedImu
from mono_hydra.simulation.motion import MotionState
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.simulation.truth import TruthCollector, object_sight
from mono_hydra.types import F8, Camera

SCHEMA = "mono_hydra/truth/1"
ROBOT_RADIUS_M = 0.2


def camera_record(camera: Camera) -> dict[str, Any]:
    """A camera as plain values."""
    return {
        "model": camera.model, "width": camera.width, "height": camera.height,
        "fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy,
        "distortion": list(camera.distortion),
    }  # fmt: skip


def label_records() -> list[dict[str, Any]]:
    """The label table of the truth."""
    space = load_label_space("nyu40")
    return [
        {
            "id": label.id, "name": label.name, "kind": label.kind,
            "remap": None,  # the houses use no names beside those of the space
        }
        for label in space.labels
    ]  # fmt: skip


def write_json(path: Path, value: Any) -> None:
    """JSON with sorted keys left as given, one line an entry where short."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def write_table(path: Path, header: str, rows: F8, decimals: int = 9) -> None:
    """CSV of numbers; the first column is a stamp in microseconds' resolution."""
    form = ",".join(["%.6f"] + [f"%.{decimals}g"] * (rows.shape[1] - 1))
    lines = [header, *(form % tuple(row) for row in rows + 0.0)]
    write_text(path, "\n".join(lines) + "\n")


def write_body(path: Path, body: MotionState, imu: SensedImu) -> None:
    """body.csv: the true motion of the body and the biases, at IMU rate."""
    quats = np.array([se3.quat_xyzw_from_matrix(T[:3, :3]) for T in body.T_world])
    rows = np.column_stack([
        body.stamps_s, body.T_world[:, :3, 3], quats, body.velocity_m_s,
        imu.gyro_bias_rad_s, imu.accel_bias_m_s2,
    ])  # fmt: skip
    write_table(path, "stamp_s,px,py,pz,qx,qy,qz,qw,vx,vy,vz,bgx,bgy,bgz,bax,bay,baz", rows, 10)


def write_agents(path: Path, rows: list[list[float]]) -> None:
    """agents.csv: upright boxes of moving things; `rows` as the header says."""
    header = "stamp_s,id,label,x,y,z,yaw,length,width,height"
    lines = [
        ",".join([f"{r[0]:.6f}", f"{r[1]:.0f}", f"{r[2]:.0f}", *(f"{x:.6f}" for x in r[3:])])
        for r in rows
    ]
    write_text(path, "\n".join([header, *lines]) + "\n")


def write_mesh_truth(path: Path, scene: HouseScene) -> None:
    """mesh.ply: the static world at t = 0."""
    vertex = {k: scene.vertices_m[:, i] for i, k in enumerate("xyz")}
    face = {"label": scene.label, "instance": scene.instance, "room": scene.room}
    write_ply(path, Ply(vertex, scene.triangles, face))


def write_collected(
    folder: Path, collector: TruthCollector, stamps_s: F8, T_world_camera: F8, dense_path_m: F8
) -> dict[str, Any]:
    """Samples, visibility, objects, rooms, relations, free space; returns headline numbers."""
    house = collector.scene.house
    samples, seen = collector.samples, collector.seen
    np.savez_compressed(
        folder / "samples.npz", points=samples.points_m, normals=samples.normals,
        label=samples.label, instance=samples.instance, room=samples.room, seen=seen,
        min_z=collector.min_z_m,
    )  # fmt: skip
    visibility = collector.visibility()
    np.savez_compressed(
        folder / "visibility.npz", frame=visibility.frames, id=visibility.ids,
        pixels=visibility.pixels, min_z=visibility.min_z_m, truncated=visibility.truncated,
    )  # fmt: skip
    n_px = collector.camera.width * collector.camera.height
    objects = []
    for truth in sorted(house.objects, key=lambda o: o.id):
        sight = object_sight(truth, visibility, stamps_s, samples, seen, n_px)
        objects.append({
            "id": truth.id, "label": truth.label, "center": _numbers(truth.center_m),
            "size": _numbers(truth.size_m), "yaw": _number(truth.yaw_rad),
            "symmetry": truth.symmetry, "room": truth.room, "on": truth.on,
            "observable": sight.observable, "pixels_max": sight.pixels_max,
            "frames_seen": sight.frames_seen, "surface_seen": _number(sight.surface_seen),
            "movable": truth.movable,
        })  # fmt: skip
    write_json(folder / "objects.json", {"objects": objects})
    write_json(folder / "relations.json", {"triples": [list(r) for r in house.relations]})
    rooms = room_records(house, collector.space, T_world_camera[:, :3, 3], dense_path_m)
    write_json(folder / "rooms.json", rooms)
    space = collector.space
    np.savez_compressed(
        folder / "free_space.npz", origin=space.origin_m, voxel_m=np.float64(space.voxel_m),
        room=space.room, seen_free=space.seen_free & space.free,
        clearance=space.clearance_m.astype(np.float16), gvd=space.gvd,
    )  # fmt: skip
    write_trajectory(folder / "trajectory.txt", stamps_s, T_world_camera)
    write_mesh_truth(folder / "mesh.ply", collector.scene)
    return {
        "objects": len(objects),
        "observable": sum(o["observable"] for o in objects),
        "classes": len({o["label"] for o in objects}),
        "rooms": len(house.rooms),
        "visited": sum(r["visited"] for r in rooms["rooms"]),
        "surface_seen": round(collector.share_of_surface_seen(), 4),
    }


def room_records(house: House, space: FreeSpace, centres_m: F8, dense_path_m: F8) -> dict[str, Any]:
    """rooms.json."""
    seen = np.bincount(space.room[space.seen_free], minlength=256) * space.voxel_m**3
    levels = sorted({r.storey for r in house.rooms})
    return {
        "building": {"id": 0, "name": str(house.metadata.get("name", house.kind))},
        "storeys": [
            {
                "id": level,
                "floor_z": min(r.floor_z_m for r in house.rooms if r.storey == level),
                "ceiling_z": max(r.ceiling_z_m for r in house.rooms if r.storey == level),
            }
            for level in levels
        ],
        "rooms": [
            {
                "id": r.id, "name": r.name, "storey": r.storey,
                "polygon": [_numbers(p) for p in r.polygon_m],
                "floor_z": _number(r.floor_z_m), "ceiling_z": _number(r.ceiling_z_m),
                "visited": bool(
                    (
                        inside_polygon(r.polygon_m, centres_m[:, :2])
                        & (centres_m[:, 2] > r.floor_z_m)
                        & (centres_m[:, 2] < r.ceiling_z_m)
                    ).any()
                ),
                "volume_seen_m3": _number(seen[r.id]),
            }
            for r in house.rooms
        ],
        "doors": [
            {
                "id": d.id, "rooms": list(d.rooms), "center": _numbers(d.center_m),
                "width": _number(d.width_m), "height": _number(d.height_m),
                "yaw": _number(d.yaw_rad), "open": d.is_passable, "open_rad": _number(d.open_rad),
                "virtual": d.virtual, "traversed": was_traversed(d, dense_path_m),
            }
            for d in house.doors
        ],
        "windows": [
            {
                "id": w.id, "room": w.room, "center": _numbers(w.center_m),
                "width": _number(w.width_m), "height": _number(w.height_m),
                "inward": _numbers(w.inward),
            }
            for w in house.windows
        ],
        "stairs": [
            {
                "id": s.id, "rooms": list(s.rooms), "path": [_numbers(p) for p in s.path_m],
                "width": _number(s.width_m),
            }
            for s in house.stairs
        ],
    }  # fmt: skip


def was_traversed(door: Doorway, path_m: F8) -> bool:
    """Whether a path (N, 3) crosses the opening."""
    along = np.array([np.cos(door.yaw_rad), np.sin(door.yaw_rad)])
    across = np.array([-along[1], along[0]])
    offset = path_m[:, :2] - door.center_m[:2]
    side, place = offset @ across, offset @ along
    low = np.abs(path_m[:, 2] - door.center_m[2]) < 0.5 * door.height_m + 0.3
    inside = (np.abs(place) <= 0.5 * door.width_m) & low & (np.abs(side) < 0.5)
    crossing = (side[1:] >= 0.0) != (side[:-1] >= 0.0)
    return bool((crossing & inside[1:] & inside[:-1]).any())


def _number(value: float) -> float:
    return round(float(value), 6) + 0.0


def _numbers(values: F8) -> list[float]:
    return [_number(v) for v in values]
