"""A furnished two-room box house written by hand: its truth folder and a perfect run of it.

Room 1: x 0 to 4; room 2: x 4.1 to 7.1; both y 0 to 3, z 0 to 2.5; a door at y 1.0 to 1.9.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mono_hydra.evaluation.surface import Surface
from mono_hydra.files.ply import Ply, write_ply
from mono_hydra.files.trajectory import write_trajectory
from mono_hydra.geometry.se3 import from_rt

HEIGHT = 2.5
ROOMS = ((1, "living room", 0.0, 4.0), (2, "bedroom", 4.1, 7.1))
DEPTH = 3.0
DOOR = (1.0, 1.9, 2.0)  # y from, y to, height
LABELS = (
    (0, "unknown", "ignore"), (1, "wall", "structure"), (2, "floor", "structure"),
    (3, "cabinet", "object"), (4, "bed", "object"), (5, "chair", "object"),
    (6, "sofa", "object"), (22, "ceiling", "structure"), (31, "person", "dynamic"),
)  # fmt: skip
ID_OF = {name: i for i, name, _ in LABELS}
OBJECTS = (  # id, class, centre, size, room
    (1, "cabinet", (0.42, 2.48, 0.5), (0.8, 0.6, 1.0), 1),
    (2, "chair", (1.2, 0.4, 0.4), (0.5, 0.5, 0.8), 1),
    (3, "chair", (2.2, 0.4, 0.4), (0.5, 0.5, 0.8), 1),
    (4, "bed", (6.2, 2.2, 0.25), (1.6, 1.4, 0.5), 2),
)
STAMPS = np.arange(60) * 0.1
CAMERA = {"model": "pinhole", "width": 640, "height": 480, "fx": 250.0, "fy": 250.0,
          "cx": 319.5, "cy": 239.5, "distortion": []}  # fmt: skip


def poses() -> np.ndarray:
    """(60, 4, 4): turning on the spot at six places, pitched up, level and down."""
    made = []
    for k in range(len(STAMPS)):
        place = np.array([[1, 1.5, 1.4], [3, 1.4, 1.3], [5, 1.4, 1.5],
                          [6, 1, 1.4], [3.5, 1.6, 1.5], [2, 1.6, 1.2]][k // 10])  # fmt: skip
        yaw, pitch = 2 * np.pi * (k % 10) / 10, (-0.6, 0.0, 0.7)[k % 3]
        forward = np.array(
            [np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)]
        )
        right = np.cross(forward, [0, 0, 1.0])
        right /= np.linalg.norm(right)
        R = np.stack([right, np.cross(forward, right), forward], axis=1)
        made.append(from_rt(R, place + 0.02 * (k % 10)))
    return np.array(made)


def quads() -> list[tuple[np.ndarray, int, int, int]]:
    """(corners (4, 3) counter-clockwise seen from free space, label, instance, room)."""
    found: list[Any] = []

    def add(corners: Any, label: str, room: int, instance: int = 0) -> None:
        found.append((np.array(corners, float), ID_OF[label], instance, room))

    y0, y1, top = DOOR
    for room, _, a, b in ROOMS:
        add([(a, 0, 0), (b, 0, 0), (b, DEPTH, 0), (a, DEPTH, 0)], "floor", room)
        h = HEIGHT
        add([(a, 0, h), (a, DEPTH, h), (b, DEPTH, h), (b, 0, h)], "ceiling", room)
        add([(a, 0, 0), (a, 0, h), (b, 0, h), (b, 0, 0)], "wall", room)
        add([(a, DEPTH, 0), (b, DEPTH, 0), (b, DEPTH, h), (a, DEPTH, h)], "wall", room)
        plain, pierced = (a, b) if room == 1 else (b, a)
        for x, parts in (
            (plain, [(0, DEPTH, 0, h)]),
            (pierced, [(0, y0, 0, h), (y1, DEPTH, 0, h), (y0, y1, top, h)]),
        ):
            for u0, u1, v0, v1 in parts:
                corners = [(x, u0, v0), (x, u1, v0), (x, u1, v1), (x, u0, v1)]
                add(corners if x == a else corners[::-1], "wall", room)
    a, b = ROOMS[0][3], ROOMS[1][2]
    add([(a, y0, 0), (b, y0, 0), (b, y1, 0), (a, y1, 0)], "floor", 0)
    add([(a, y0, top), (a, y1, top), (b, y1, top), (b, y0, top)], "wall", 0)
    add([(a, y0, 0), (a, y0, top), (b, y0, top), (b, y0, 0)], "wall", 0)
    add([(a, y1, 0), (b, y1, 0), (b, y1, top), (a, y1, top)], "wall", 0)
    for instance, label, center, size, room in OBJECTS:
        low, high = np.array(center) - np.array(size) / 2, np.array(center) + np.array(size) / 2
        for axis in range(3):
            i, j = (axis + 1) % 3, (axis + 2) % 3
            for side in (0, 1):
                if axis == 2 and side == 0:
                    continue  # it stands on the floor
                corners = np.tile(low, (4, 1))
                corners[:, axis] = high[axis] if side else low[axis]
                corners[1:3, i], corners[2:4, j] = high[i], high[j]
                add(corners if side else corners[::-1], label, room, instance)
    return found


def triangles() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (V, 3), faces (F, 3), and label, instance, room of each face; no shared vertices."""
    made = quads()
    vertices = np.concatenate([q[0] for q in made])
    base = 4 * np.arange(len(made))[:, None]
    faces = np.concatenate(
        [base + np.array([0, 1, 2]), base + np.array([0, 2, 3])], axis=1
    ).reshape(-1, 3)
    columns = [np.repeat([q[k] for q in made], 2) for k in (1, 2, 3)]
    return vertices, faces, *columns


def surface() -> Surface:
    vertices, faces, *_ = triangles()
    return Surface(vertices, faces)


def write_truth(folder: Path) -> Path:
    """Write the truth folder; everything in it counts as seen."""
    folder.mkdir(parents=True)
    vertices, faces, label, instance, room = triangles()
    labels = [{"id": i, "name": n, "kind": k, "remap": None} for i, n, k in LABELS]
    _json(folder / "meta.json", {
        "schema": "mono_hydra/truth/1", "sequence": "box_world", "seed": 0, "camera": CAMERA,
        "max_range_m": 5.0, "robot_radius_m": 0.2, "labels": labels, "rate_hz": 10.0,
    })  # fmt: skip
    write_trajectory(folder / "trajectory.txt", STAMPS, poses())
    world = Surface(vertices, faces)
    columns = {"label": label.astype("u1"), "instance": instance.astype("u2")}
    write_ply(folder / "mesh.ply", Ply(
        {k: vertices[:, i].astype("f4") for i, k in enumerate("xyz")}, faces.astype("i4"),
        {**columns, "room": room.astype("u1")},
    ))  # fmt: skip
    n_points = round(400 * world.areas_m2.sum())
    points, of = world.sample(n_points, np.random.default_rng(1))
    np.savez(
        folder / "samples.npz", points=points.astype("f4"), normals=world.normals[of].astype("f4"),
        label=label[of].astype("u1"), instance=instance[of].astype("u2"),
        room=room[of].astype("u1"), seen=np.full(len(of), 5, "u2"), min_z=np.ones(len(of), "f4"),
    )  # fmt: skip
    objects = [
        {"id": i, "label": n, "center": c, "size": s, "yaw": 0.0, "symmetry": 2, "room": r,
         "on": None, "observable": True, "pixels_max": 9999, "frames_seen": 50,
         "surface_seen": 0.9, "movable": True}
        for i, n, c, s, r in OBJECTS
    ]  # fmt: skip
    _json(folder / "objects.json", {"objects": objects})
    _json(folder / "rooms.json", building())
    _json(folder / "relations.json", {"triples": [[2, "next_to", 3]]})
    write_free_space(folder, world)
    return folder


def building() -> dict[str, Any]:
    rooms = [
        {"id": i, "name": n, "storey": 0, "floor_z": 0.0, "ceiling_z": HEIGHT, "visited": True,
         "polygon": [[a, 0], [b, 0], [b, DEPTH], [a, DEPTH]], "volume_seen_m3": 20.0}
        for i, n, a, b in ROOMS
    ]  # fmt: skip
    door = {"id": 1, "rooms": [1, 2], "center": [4.05, 1.45, 1.0], "width": 0.9, "height": 2.0,
            "yaw": np.pi / 2, "open": 1.5, "virtual": False, "traversed": True}  # fmt: skip
    return {"building": {"id": 0, "name": "house"}, "rooms": rooms, "doors": [door],
            "storeys": [{"id": 0, "floor_z": 0.0, "ceiling_z": HEIGHT}],
            "windows": [], "stairs": []}  # fmt: skip


def is_free(points: np.ndarray) -> np.ndarray:
    """(N,) bool: inside a room or the doorway, outside of the furniture."""
    x, y, z = points.T
    y0, y1, top = DOOR
    inside = np.zeros(len(points), bool)
    for _, _, a, b in ROOMS:
        inside |= (x > a) & (x < b) & (y > 0) & (y < DEPTH) & (z > 0) & (z < HEIGHT)
    inside |= (x >= 4.0) & (x <= 4.1) & (y > y0) & (y < y1) & (z > 0) & (z < top)
    for _, _, center, size, _ in OBJECTS:
        inside &= (np.abs(points - center) >= np.array(size) / 2).any(axis=1)
    return inside


def write_free_space(folder: Path, world: Surface) -> None:
    origin, shape = np.array([-0.2, -0.2, -0.2]), (75, 34, 29)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 3)
    centers = origin + (index + 0.5) * 0.1
    free = is_free(centers)
    room = np.zeros(len(centers), int)
    for number, _, a, b in ROOMS:
        room[free & (centers[:, 0] > a) & (centers[:, 0] < b)] = number
    clearance = np.where(free, world.distance(centers), 0.0)
    gvd = free & (np.abs(centers[:, 2] - 1.25) < 0.06) & (clearance > 0.3)
    np.savez(
        folder / "free_space.npz", origin=origin, voxel_m=0.1,
        room=room.reshape(shape).astype("u1"), seen_free=free.reshape(shape),
        clearance=clearance.reshape(shape).astype("f2"), gvd=gvd.reshape(shape),
    )  # fmt: skip


def node_id(prefix: str, index: int) -> int:
    return (ord(prefix) << 56) | index


def perfect_graph() -> dict[str, Any]:
    """Spark-DSG JSON with every object, a lattice of places, both rooms and the door."""
    nodes, edges = [], []

    def node(prefix: str, index: int, layer: int, kind: str, position: Any, **more: Any) -> None:
        attributes = {"type": kind, "position": [float(v) for v in position], **more}
        nodes.append({"id": node_id(prefix, index), "layer": layer, "partition": 0,
                      "attributes": attributes})  # fmt: skip

    def edge(a: int, b: int, weight: float = 1.0, **metadata: Any) -> None:
        info = {"type": "EdgeAttributes", "weighted": True, "weight": weight}
        edges.append({"source": a, "target": b, "info": {**info, "metadata": metadata}})

    for number, name, a, b in ROOMS:
        node("R", number, 4, "RoomNodeAttributes", ((a + b) / 2, 1.5, 1.2),
             metadata={"room_name": name, "storey": 0})  # fmt: skip
    edge(node_id("R", 1), node_id("R", 2),
         doors=[{"position": [4.05, 1.45, 1.0], "width": 0.9, "height": 2.0}])  # fmt: skip
    world, places = surface(), lattice()
    clearance = world.distance(places)
    for k, (p, d) in enumerate(zip(places, clearance, strict=True)):
        node("p", k, 3, "PlaceNodeAttributes", p, distance=float(d))
        edge(node_id("R", 1 if p[0] < 4.05 else 2), node_id("p", k))
    for i in range(len(places)):
        for j in range(i + 1, len(places)):
            if np.linalg.norm(places[i] - places[j]) > 0.75:
                continue
            line = places[i] + np.linspace(0, 1, 15)[:, None] * (places[j] - places[i])
            narrowest = world.distance(line).min()
            if narrowest > 0.2:
                edge(node_id("p", i), node_id("p", j), float(narrowest))
    for i, name, center, size, room in OBJECTS:
        box = {"type": "RAABB", "dimensions": list(size), "world_P_center": list(center),
               "world_R_center": {"w": 1.0, "x": 0.0, "y": 0.0, "z": 0.0}}  # fmt: skip
        node("O", i, 2, "ObjectNodeAttributes", center, semantic_label=ID_OF[name],
             bounding_box=box, name=f"O({i})")  # fmt: skip
        near = min(
            (k for k in range(len(places)) if (places[k][0] < 4.05) == (room == 1)),
            key=lambda k: float(np.linalg.norm(places[k] - center)),
        )
        edge(node_id("p", near), node_id("O", i))
    edge(node_id("O", 2), node_id("O", 3),
         relations=[["next_to", node_id("O", 2), node_id("O", 3)]])  # fmt: skip
    return {
        "SPARK_DSG_header": {"project_name": "main",
                             "version": {"major": 1, "minor": 1, "patch": 3}},
        "nodes": nodes, "edges": edges,
        "metadata": {"labelspaces": {"_l2p0": [[i, n] for i, n, _ in LABELS]}},
    }  # fmt: skip


def lattice() -> np.ndarray:
    """Place positions 0.5 m apart with 0.3 m of clearance, and three in the doorway's axis."""
    x, y, z = np.meshgrid(
        np.arange(0.4, 7, 0.5), np.arange(0.4, 3, 0.45), [0.7, 1.25, 1.85], indexing="ij"
    )
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    doorway = [[3.75, 1.45, 1.2], [4.05, 1.45, 1.2], [4.4, 1.45, 1.2]]
    points = np.concatenate([points, doorway])
    # no two ways of equal length, so that rounding decides nothing
    points += np.random.default_rng(4).uniform(-0.04, 0.04, points.shape)
    points = points[is_free(points)]
    return points[surface().distance(points) >= 0.3]


def write_run(
    folder: Path, graph: dict[str, Any] | None = None, mesh: Ply | None = None, **files: Any
) -> Path:
    """A run folder; by default the perfect one. `moved=T` moves the trajectory alone."""
    folder.mkdir(parents=True)
    write_trajectory(folder / "trajectory.txt", STAMPS, files.get("poses", poses()))
    _json(folder / "scene_graph.json", perfect_graph() if graph is None else graph)
    write_ply(folder / "mesh.ply", perfect_mesh() if mesh is None else mesh)
    _json(folder / "metrics.json", {"provenance": {"poses": "dataset"}, "peak_rss_mb": 100.0})
    return folder


def perfect_mesh(shift: Any = (0.0, 0.0, 0.0)) -> Ply:
    vertices, faces, label, _, _ = triangles()
    of_vertex = np.repeat(label[::2], 4)
    vertices = vertices + np.asarray(shift)
    columns: dict[str, Any] = {k: vertices[:, i].astype("f4") for i, k in enumerate("xyz")}
    return Ply({**columns, "label": of_vertex.astype("u1")}, faces.astype("i4"))


def _json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data), encoding="utf-8")
