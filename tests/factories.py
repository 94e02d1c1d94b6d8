"""Small synthetic worlds shared by the tests: a furnished two-room flat as graph, mesh and walk."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mono_hydra.graph.scene_graph import (
    AgentAttributes,
    AgentEdge,
    Box,
    BuildingAttributes,
    Door,
    ObjectAttributes,
    PlaceAttributes,
    PlaceEdge,
    RelationEdge,
    RoomAttributes,
    RoomEdge,
    SceneGraph,
    node_id,
)
from mono_hydra.labels.label_space import LabelSpace, load_label_space
from mono_hydra.simulation.house import box_part_vertices
from mono_hydra.types import (
    F8,
    Camera,
    Frame,
    Keyframe,
    MeshBlock,
    Prediction,
    SequenceInfo,
    TrackedPose,
)

HEIGHT_M = 2.5
ROOMS = (  # name, x0, y0, x1, y1
    ("living room", 0.0, 0.0, 5.0, 4.0),
    ("bedroom", 5.1, 0.0, 8.6, 4.0),
)
DOOR = Door(np.array([5.05, 2.0, 1.0]), width_m=0.9, height_m=2.0, confidence=0.8)
FURNITURE = (  # label, centre x y, bottom z, length, width, height, yaw, room
    ("sofa", 2.3, 0.5, 0.0, 2.0, 0.9, 0.8, 0.0, 0),
    ("table", 2.3, 2.0, 0.0, 1.1, 0.7, 0.45, 0.2, 0),
    ("television", 2.4, 3.8, 0.9, 1.2, 0.08, 0.7, 0.0, 0),
    ("bookshelf", 0.25, 2.2, 0.0, 0.35, 1.2, 1.9, 0.0, 0),
    ("chair", 4.2, 3.2, 0.0, 0.5, 0.5, 0.9, 0.6, 0),
    ("books", 2.2, 2.0, 0.45, 0.3, 0.2, 0.06, 0.5, 0),
    ("bed", 7.5, 1.2, 0.0, 2.0, 1.6, 0.55, 0.0, 1),
    ("night stand", 8.3, 2.35, 0.0, 0.4, 0.4, 0.5, 0.0, 1),
    ("lamp", 8.3, 2.35, 0.5, 0.25, 0.25, 0.4, 0.0, 1),
    ("dresser", 6.4, 3.7, 0.0, 1.2, 0.45, 0.9, 0.0, 1),
)


def two_room_flat(seed: int = 0) -> SceneGraph:
    """Living room and bedroom joined by a door, furnished, on all layers."""
    rng = np.random.default_rng(seed)
    space = load_label_space("nyu40")
    graph = SceneGraph("nyu40", {"sequence": "two_room_flat", "stand_in": False})
    _add_rooms(graph)
    _add_places(graph)
    _add_objects(graph, space, rng)
    for k, T in enumerate(walk(12)):
        stamp_s = 0.5 * k
        graph.add_node(node_id("a", k), AgentAttributes(T[:3, 3], T[:3, :3], stamp_s, k))
        graph.set_parent(node_id("a", k), _nearest_place(graph, T[:3, 3]))
        if k:
            graph.add_edge(node_id("a", k - 1), node_id("a", k), AgentEdge())
    return graph


def _add_rooms(graph: SceneGraph) -> None:
    building = node_id("B", 0)
    storeys = ({"id": 0.0, "floor_z": 0.0, "ceiling_z": HEIGHT_M},)
    graph.add_node(building, BuildingAttributes(np.array([4.3, 2.0, 1.25]), "building", storeys))
    for k, (name, x0, y0, x1, y1) in enumerate(ROOMS):
        polygon = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
        room = RoomAttributes(
            np.array([(x0 + x1) / 2, (y0 + y1) / 2, HEIGHT_M / 2]),
            name,
            {name: 0.8, "unknown": 0.2},
            polygon,
            0.0,
            HEIGHT_M,
            (x1 - x0) * (y1 - y0),
            0,
        )
        graph.add_node(node_id("R", k), room)
        graph.set_parent(node_id("R", k), building)
    graph.add_edge(node_id("R", 0), node_id("R", 1), RoomEdge((DOOR,)))


def _add_places(graph: SceneGraph) -> None:
    """A grid of 0.6 m in each room and one place in the door."""
    index = 0
    for k, (_, x0, y0, x1, y1) in enumerate(ROOMS):
        nx, ny = int((x1 - x0) / 0.6), int((y1 - y0) / 0.6)
        xs = np.linspace(x0 + 0.4, x1 - 0.4, nx)
        ys = np.linspace(y0 + 0.4, y1 - 0.4, ny)
        grid: dict[tuple[int, int], int] = {}
        for i, x in enumerate(xs):
            for j, y in enumerate(ys):
                clearance = float(min(x - x0, x1 - x, y - y0, y1 - y, 1.2))
                obstacle = np.array([x, y, 0.0])
                place = PlaceAttributes(np.array([x, y, 1.2]), clearance, 3, obstacle, False, 4.0)
                node = grid[i, j] = node_id("p", index)
                graph.add_node(node, place)
                graph.set_parent(node, node_id("R", k))
                index += 1
        for (i, j), node in grid.items():
            for other in ((i + 1, j), (i, j + 1)):
                if other in grid:
                    graph.add_edge(node, grid[other], PlaceEdge(0.4))
    door = node_id("p", index)
    graph.add_node(door, PlaceAttributes(np.array([5.05, 2.0, 1.2]), 0.45, 2))
    graph.set_parent(door, node_id("R", 0))
    for room in (0, 1):
        members = [n for n in graph.children(node_id("R", room), "places") if n != door]
        graph.add_edge(door, _nearest(graph, members, DOOR.position_m), PlaceEdge(0.45))


def _add_objects(graph: SceneGraph, space: LabelSpace, rng: np.random.Generator) -> None:
    for k, (label, x, y, z, length, width, height, yaw, room) in enumerate(FURNITURE):
        centre = np.array([x, y, z + height / 2])
        box = Box(centre, np.array([length, width, height]), yaw)
        c, s = abs(np.cos(yaw)), abs(np.sin(yaw))
        aabb = Box(centre, np.array([c * length + s * width, s * length + c * width, height]))
        crop = (
            rng.integers(0, 60, (48, 64, 3)).astype(np.uint8)
            + np.array(space.by_id[space.id_of(label)].rgb, np.uint8) // 2
        )
        points = centre + (rng.random((40, 3)) - 0.5) * box.size_m
        graph.add_node(
            node_id("O", k),
            ObjectAttributes(
                centre,
                space.id_of(label),
                label,
                box,
                aabb,
                {label: 0.9, "other prop": 0.1},
                0.6 + 0.03 * k,
                5 + k,
                0.5 * k,
                5.5,
                2.0 * length * height,
                crop,
                points,
                False,
                5.5,
            ),
        )
        graph.set_parent(node_id("O", k), _nearest_place(graph, centre, node_id("R", room)))
    books, table, lamp, stand, chair = (node_id("O", k) for k in (5, 1, 8, 7, 4))
    graph.add_edge(books, table, RelationEdge((("on", books, table),)))
    graph.add_edge(lamp, stand, RelationEdge((("on", lamp, stand),)))
    graph.add_edge(chair, node_id("O", 2), RelationEdge((("next_to", chair, node_id("O", 2)),)))


def _nearest_place(graph: SceneGraph, point: F8, room: int | None = None) -> int:
    members = graph.nodes("places") if room is None else graph.children(room, "places")
    return _nearest(graph, members, point)


def _nearest(graph: SceneGraph, members: list[int], point: F8) -> int:
    return min(members, key=lambda n: float(np.sum((graph.attributes(n).position_m - point) ** 2)))


def walk(n: int) -> F8:
    """T_world_camera (n, 4, 4) of a level walk from the living room through the door."""
    xs = np.linspace(0.8, 7.0, n)
    poses = np.tile(np.eye(4), (n, 1, 1))
    for T, x in zip(poses, xs, strict=True):
        T[:3, :3] = np.array(
            [[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]
        )  # looks along +x
        T[:3, 3] = [x, 2.0 + 0.9 * np.sin(np.pi * (x - 5.05) / 4.25), 1.4]
    return poses


def flat_mesh() -> MeshBlock:
    """The flat as one mesh: floors, walls with the door, ceilings, furniture as boxes."""
    space = load_label_space("nyu40")
    boxes: list[tuple[str, F8, F8]] = []
    for _, x0, y0, x1, y1 in ROOMS:
        boxes += [
            ("floor", np.array([x0, y0, -0.1]), np.array([x1, y1, 0.0])),
            ("ceiling", np.array([x0, y0, HEIGHT_M]), np.array([x1, y1, HEIGHT_M + 0.1])),
            ("wall", np.array([x0, y0 - 0.1, 0.0]), np.array([x1, y0, HEIGHT_M])),
            ("wall", np.array([x0, y1, 0.0]), np.array([x1, y1 + 0.1, HEIGHT_M])),
        ]
    boxes += [
        ("wall", np.array([-0.1, 0.0, 0.0]), np.array([0.0, 4.0, HEIGHT_M])),
        ("wall", np.array([8.6, 0.0, 0.0]), np.array([8.7, 4.0, HEIGHT_M])),
        ("wall", np.array([5.0, 0.0, 0.0]), np.array([5.1, 1.55, HEIGHT_M])),
        ("wall", np.array([5.0, 2.45, 0.0]), np.array([5.1, 4.0, HEIGHT_M])),
        ("wall", np.array([5.0, 1.55, 2.0]), np.array([5.1, 2.45, HEIGHT_M])),
    ]
    for label, x, y, z, length, width, height, _, _ in FURNITURE:
        half = np.array([length, width, 0.0]) / 2
        low = np.array([x, y, z]) - half
        boxes.append((label, low, low + np.array([length, width, height])))
    return _mesh_of_boxes(boxes, space)


def _is_inside(point: F8) -> bool:
    x, y, z = point
    return 0.0 < z < HEIGHT_M and any(x0 < x < x1 and y0 < y < y1 for _, x0, y0, x1, y1 in ROOMS)


def _mesh_of_boxes(boxes: list[tuple[str, F8, F8]], space: LabelSpace) -> MeshBlock:
    vertices, normals, rgb, labels, faces = [], [], [], [], []
    n = 0
    for label, low, high in boxes:
        corners, triangles = box_part_vertices(low, high)
        for side in range(6):  # four own vertices a side, so that normals are those of the side
            quad = triangles[2 * side : 2 * side + 2]
            p = corners[quad]
            normal = np.cross(p[0, 1] - p[0, 0], p[0, 2] - p[0, 0])
            normal /= np.linalg.norm(normal)
            if not _is_inside(p.reshape(-1, 3).mean(axis=0) + 0.02 * normal):
                continue  # a camera inside never sees the outer faces
            vertices.append(p.reshape(-1, 3))
            normals.append(np.tile(normal, (6, 1)))
            rgb.append(np.tile(space.by_id[space.id_of(label)].rgb, (6, 1)))
            labels.append(np.full(6, space.id_of(label)))
            faces.append(np.arange(6).reshape(2, 3) + n)
            n += 6
    return MeshBlock(
        (0, 0, 0),
        np.concatenate(vertices).astype(np.float32),
        np.concatenate(normals).astype(np.float32),
        np.concatenate(rgb).astype(np.uint8),
        np.concatenate(labels).astype(np.uint8),
        np.full(n, 0.9, np.float32),
        np.concatenate(faces).astype(np.int32),
    )


@dataclass(frozen=True, eq=False)
class FakeStep:
    """What the pipeline hands to observers."""

    frame: Frame
    tracked: TrackedPose
    keyframe: Keyframe | None = None
    prediction: Prediction | None = None
    changed_mesh: dict[tuple[int, int, int], MeshBlock | None] = field(default_factory=dict)
    graph: SceneGraph | None = None
    timing_ms: dict[str, float] = field(default_factory=dict)


def flat_steps(n: int = 12, width: int = 64, height: int = 48) -> list[FakeStep]:
    """A run through the flat: every second frame is a keyframe; the mesh comes in three pieces."""
    rng = np.random.default_rng(0)
    graph, mesh, poses = two_room_flat(), flat_mesh(), walk(n)
    camera = Camera(width, height, 0.8 * width, 0.8 * width, width / 2 - 0.5, height / 2 - 0.5)
    thirds = np.array_split(mesh.faces, 3)
    steps = []
    for k, T in enumerate(poses):
        rgb = rng.integers(0, 255, (height, width, 3)).astype(np.uint8)
        frame = Frame(k, 0.25 * k, rgb, camera)
        tracked = TrackedPose(k, 0.25 * k, T)
        timing = {"tracking": 2.0 + 0.1 * k, "fusion": 1.5}
        if k % 2:
            steps.append(FakeStep(frame, tracked, timing_ms=timing))
            continue
        depth = np.full((height, width), 2.0, np.float32)
        sigma, confidence = np.full_like(depth, 0.02), np.full_like(depth, 0.8)
        labels = np.full((height, width), 1, np.uint8)
        labels[height // 2 :] = 2
        keyframe = Keyframe(k // 2, k, 0.25 * k, camera, T, rgb, depth, sigma, labels, confidence)
        prediction = Prediction(camera, rgb, depth, sigma, labels, confidence, "nyu40")
        piece = k // 2 % 3
        block = MeshBlock(
            (piece, 0, 0),
            mesh.vertices_m,
            mesh.normals,
            mesh.rgb,
            mesh.labels,
            mesh.confidence,
            thirds[piece],
        )
        steps.append(
            FakeStep(frame, tracked, keyframe, prediction, {block.index: block}, graph, timing)
        )
    return steps


def sequence_info(*, stand_in: bool = False) -> SequenceInfo:
    """Facts about the walk through the flat."""
    camera = Camera(64, 48, 51.2, 51.2, 31.5, 23.5)
    return SequenceInfo("flat", "simulated", camera, 12, 4.0, stand_in=stand_in)
