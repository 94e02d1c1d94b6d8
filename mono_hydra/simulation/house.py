"""A simulated house as plain data: rooms, openings, parts with materials, objects, lamps.

World z up, metres. Every `Part` belongs to the structure (instance 0) or to one object instance.
Triangles face free space (counter-clockwise seen from where a camera can be).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mono_hydra.types import F8, I4


@dataclass(frozen=True)
class Material:
    """How a surface looks. `kind` selects the procedural texture, the rest its variant."""

    kind: str  # one of simulation.materials.KINDS
    rgb: tuple[float, float, float]  # base colour, linear-ish sRGB 0..1
    rgb2: tuple[float, float, float] | None = None  # second colour: grout, pattern, frame ...
    seed: int = 0
    period_m: float = 1.0  # edge of one texture repeat; for kinds that fill a rectangle, unused
    gloss: float = 0.0  # 0 matt .. 1 mirror-like highlight
    emission: float = 0.0  # radiance factor of lamps and lit screens


@dataclass(frozen=True, eq=False)
class Part:
    """Triangles of one material."""

    vertices_m: F8  # (V, 3) world
    faces: I4  # (F, 3)
    uv: F8  # (F, 3, 2) per corner: metres on the surface, or 0..1 for pictures, screens, paper
    material: Material
    label: str  # NYU40 name
    instance: int = 0  # object id, 0 = structure
    room: int = 0  # room id, 0 = outside or between rooms


@dataclass(frozen=True, eq=False)
class ObjectTruth:
    """One object as a person counts them."""

    id: int  # 1 .. 59999
    label: str
    center_m: F8  # (3,) centre of the upright box
    size_m: F8  # (3,) length (along local x), width, height
    yaw_rad: float
    symmetry: int  # yaw symmetry: 1 none, 2 half turn, 4 quarter turn, 0 round
    room: int
    on: int | None = None  # id of the object it stands on
    movable: bool = True


@dataclass(frozen=True, eq=False)
class Room:
    """A room: `polygon_m` holds the inner faces of its walls, counter-clockwise."""

    id: int  # >= 1
    name: str  # one of labels/room_names.yaml
    storey: int
    polygon_m: F8  # (N, 2)
    floor_z_m: float
    ceiling_z_m: float


@dataclass(frozen=True, eq=False)
class Doorway:
    """A passage between two rooms. `virtual`: the functional border of an open plan."""

    id: int
    rooms: tuple[int, int]
    center_m: F8  # (3,) middle of the opening
    width_m: float
    height_m: float
    yaw_rad: float  # direction across the opening, i.e. of its width axis
    open_rad: float = 1.6  # angle of the leaf; 0 = closed; frames without leaf and virtual: pi
    virtual: bool = False

    @property
    def is_passable(self) -> bool:
        """Whether a person fits through."""
        return self.virtual or self.open_rad > 0.9


@dataclass(frozen=True, eq=False)
class Window:
    """A window; light comes in along `inward`."""

    id: int
    room: int
    center_m: F8
    width_m: float
    height_m: float
    inward: F8  # (3,) unit vector into the room


@dataclass(frozen=True, eq=False)
class Stairs:
    """A flight between two storeys; `path_m` is the line a walker's feet follow."""

    id: int
    rooms: tuple[int, int]  # lower, upper
    path_m: F8  # (N, 3)
    width_m: float


@dataclass(frozen=True, eq=False)
class Lamp:
    """An area light."""

    position_m: F8  # (3,)
    radius_m: float
    power: float  # relative; 1.0 lights a 15 m2 room well
    kelvin: float
    room: int


@dataclass(frozen=True, eq=False)
class House:
    """Everything the renderer, the walker and the truth need."""

    seed: int
    kind: str  # flat, office, open_plan, two_storey
    rooms: tuple[Room, ...]
    doors: tuple[Doorway, ...]
    windows: tuple[Window, ...]
    stairs: tuple[Stairs, ...]
    parts: tuple[Part, ...]
    objects: tuple[ObjectTruth, ...]
    lamps: tuple[Lamp, ...]
    relations: tuple[
        tuple[int, str, int], ...
    ] = ()  # subject, predicate (on, in, next_to, against), object
    metadata: dict[str, object] = field(default_factory=dict)
    fixtures: tuple[ObjectTruth, ...] = ()  # boxes of what is built in and no object; id 0

    def room(self, room_id: int) -> Room:
        """Room of an id."""
        return next(r for r in self.rooms if r.id == room_id)


def box_part_vertices(low: F8, high: F8) -> tuple[F8, I4]:
    """Vertices (8, 3) and outward faces (12, 3) of an axis-aligned box."""
    x0, y0, z0 = low
    x1, y1, z1 = high
    vertices = np.array(
        [
            [x0, y0, z0],
            [x1, y0, z0],
            [x1, y1, z0],
            [x0, y1, z0],
            [x0, y0, z1],
            [x1, y0, z1],
            [x1, y1, z1],
            [x0, y1, z1],
        ],
        dtype=np.float64,
    )
    faces = np.array(
        [
            [0, 2, 1],
            [0, 3, 2],
            [4, 5, 6],
            [4, 6, 7],
            [0, 1, 5],
            [0, 5, 4],
            [1, 2, 6],
            [1, 6, 5],
            [2, 3, 7],
            [2, 7, 6],
            [3, 0, 4],
            [3, 4, 7],
        ],
        dtype=np.int32,
    )
    return vertices, faces
