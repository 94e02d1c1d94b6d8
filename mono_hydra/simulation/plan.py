"""Seeded houses: the floor plan, its walls, and what stands in the rooms, put together.

Every step draws from its own generator, split from the seed by the step's name, so that another
chair does not move the walls. A house that fails its own checks is drawn again from a sub-seed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from mono_hydra.errors import SimulationError
from mono_hydra.simulation import assemble, outlines, palette, shell, stairs
from mono_hydra.simulation.floor_plan import CELL_M, Layout, draw_layout
from mono_hydra.simulation.furnish import dress
from mono_hydra.simulation.house import Doorway, House, Material, Part, Room, Window
from mono_hydra.simulation.house_checks import check_house
from mono_hydra.simulation.openings import Opening, place_openings
from mono_hydra.simulation.plain import plain_house
from mono_hydra.simulation.room_space import RoomSpace
from mono_hydra.types import F8

__all__ = [
    "KINDS",
    "MAX_ROOMS",
    "demo_house",
    "draw_houses",
    "make_house",
    "plain_house",
    "step_rng",
]

KINDS = ("flat", "office", "open_plan", "two_storey")
MAX_ROOMS = 40
MIN_TWO_STOREY = 6  # a room, a corridor and a staircase each
MAX_DRAWS = 40
DEMO_SEED = 8
OBLIQUE_IN = ("living room", "bedroom", "study", "dining room", "office")


def step_rng(seed: int, step: str) -> np.random.Generator:
    """The generator of one named step of one seed."""
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(step.encode())]))


def make_house(seed: int, kind: str = "flat", n_rooms: int | None = None) -> House:
    """The first valid house of a seed; arguments and errors as for `draw_houses`."""
    return next(draw_houses(seed, kind, n_rooms))


def draw_houses(seed: int, kind: str = "flat", n_rooms: int | None = None) -> Iterator[House]:
    """Furnished houses of one seed that pass their checks, from ever further sub-seeds.

    Args:
        seed: >= 0; equal seeds give equal bytes.
        kind: flat, office, open_plan or two_storey.
        n_rooms: 1..40 rooms (two storeys: 6 or more), corridors and staircases included; by seed
            when None.

    Yields:
        Valid houses; `metadata["redrawn"]` counts the draws before it.

    Raises:
        SimulationError: unknown kind, a number of rooms out of range, or no valid house left among
            `MAX_DRAWS`.
    """
    if kind not in KINDS:
        raise SimulationError(
            f"simulation: unknown kind {kind!r}; choose one of {', '.join(KINDS)}"
        )
    if n_rooms is not None and not 1 <= n_rooms <= MAX_ROOMS:
        raise SimulationError(f"simulation: {n_rooms} rooms; choose 1 to {MAX_ROOMS}")
    if kind == "two_storey" and n_rooms is not None and n_rooms < MIN_TWO_STOREY:
        raise SimulationError(
            f"simulation: two storeys need at least {MIN_TWO_STOREY} rooms, {n_rooms} asked for"
        )
    if seed < 0:
        raise SimulationError(f"simulation: seed {seed} is negative; choose 0 or more")
    count = n_rooms if n_rooms is not None else _usual_rooms(step_rng(seed, "rooms"), kind)
    reason = "none passes its checks"
    for attempt in range(MAX_DRAWS):
        sub_seed = seed if attempt == 0 else zlib.crc32(f"{seed}/{attempt}".encode())
        try:
            house = _draw(seed, sub_seed, kind, count, attempt)
        except ValueError as error:
            reason = str(error)
            continue
        faults = check_house(house)
        if faults:
            reason = faults[0]
        else:
            yield house
    raise SimulationError(
        f"simulation: no valid {kind} of {count} rooms from seed {seed} ({reason}); "
        "try another seed"
    )


def demo_house() -> House:
    """The built-in five rooms: living room, kitchen, bedroom, bathroom, corridor."""
    return make_house(DEMO_SEED, "flat", 5)


def _usual_rooms(rng: np.random.Generator, kind: str) -> int:
    low, high = {"flat": (3, 7), "office": (8, 13), "open_plan": (4, 7), "two_storey": (8, 11)}[
        kind
    ]
    return int(rng.integers(low, high + 1))


@dataclass
class _Storey:
    """One storey while it is being built."""

    layout: Layout
    openings: list[Opening]
    rooms: list[Room]
    spaces: list[RoomSpace] = field(default_factory=list)


def _draw(seed: int, sub_seed: int, kind: str, n_rooms: int, redrawn: int) -> House:
    """One try at a house; raises ValueError where the plan does not work out."""
    rng = step_rng(sub_seed, "plan")
    wall_m, outer_m = float(rng.choice([0.10, 0.12, 0.14, 0.15])), float(rng.uniform(0.25, 0.40))
    height_m = float(rng.uniform(2.6, 3.1) if kind == "office" else rng.uniform(2.42, 2.75))
    storeys = _storeys(sub_seed, kind, n_rooms, wall_m, height_m)
    taste = palette.draw_palette(step_rng(sub_seed, "palette"))
    fabric = _Fabric(step_rng(sub_seed, "surfaces"), taste, wall_m, outer_m)
    parts: list[Part] = []
    flight = _flight(storeys)
    contents = assemble.Contents()
    doors: list[Doorway] = []
    windows: list[Window] = []
    for k, storey in enumerate(storeys):
        parts += fabric.storey(
            storey, step_rng(sub_seed, f"joinery {k}"), flight, k, doors, windows
        )
    flights = []
    if flight is not None:
        ids = (storeys[0].layout.stairwell, storeys[1].layout.stairwell)
        flights.append(stairs.walk_path(flight, 1, ids))
        parts += fabric.flight(flight, storeys[1].rooms[0].floor_z_m, ids)
    for k, storey in enumerate(storeys):
        for room in storey.rooms:
            taken = [] if flight is None or room.name != "staircase" else [_widened(flight, k)]
            space = RoomSpace(
                room, [o for o in storey.openings if room.id in o.rooms], wall_m, taken
            )
            dress(space, step_rng(sub_seed, f"furnish {room.id}"), taste, kind == "office")
            assemble.add_room(contents, space, step_rng(sub_seed, f"lamps {room.id}"))
    rooms = tuple(r for s in storeys for r in s.rooms)
    return House(
        seed,
        kind,
        rooms,
        tuple(doors),
        tuple(windows),
        tuple(flights),
        tuple(parts + contents.parts),
        tuple(contents.objects),
        tuple(contents.lamps),
        tuple(contents.relations),
        {"redrawn": redrawn, "wall_m": wall_m, "outer_wall_m": outer_m},
        tuple(contents.fixtures),
    )


def _storeys(
    sub_seed: int, kind: str, n_rooms: int, wall_m: float, height_m: float
) -> list[_Storey]:
    storeys: list[_Storey] = []
    offset, floor_z = 0, 0.0
    layouts = draw_layout(step_rng(sub_seed, "layout"), kind, n_rooms)
    for k, raw in enumerate(layouts):
        layout = Layout(
            np.where(raw.cells > 0, raw.cells + offset, 0).astype(np.int32),
            {i + offset: n for i, n in raw.names.items()},
            tuple((a + offset, b + offset) for a, b in raw.virtual),
            raw.stairwell + offset if raw.stairwell else 0,
        )
        openings = place_openings(step_rng(sub_seed, f"openings {k}"), layout, wall_m, height_m)
        rooms = []
        for i in sorted(layout.names):
            polygon = outlines.inset(outlines.trace(layout.cells == i, CELL_M), wall_m / 2)
            near = [o for o in openings if i in o.rooms]
            polygon = _maybe_oblique(
                step_rng(sub_seed, f"corner {i}"), layout.names[i], polygon, near
            )
            rooms.append(Room(i, layout.names[i], k, polygon, floor_z, floor_z + height_m))
        storeys.append(_Storey(layout, openings, rooms))
        offset += len(layout.names)
        floor_z += height_m + shell.SLAB_M
    return storeys


def _maybe_oblique(
    rng: np.random.Generator, name: str, polygon_m: F8, openings: list[Opening]
) -> F8:
    """Now and then a corner of a large room cut off, where no door or window is near."""
    if name not in OBLIQUE_IN or rng.random() > 0.2:
        return polygon_m
    legs = rng.uniform(0.4, 0.9, 2)
    for corner in rng.permutation(len(polygon_m)):
        a, b, c = (polygon_m[(corner + k) % len(polygon_m)] for k in (-1, 0, 1))
        is_convex = (b - a)[0] * (c - b)[1] - (b - a)[1] * (c - b)[0] > 0
        is_long = min(np.linalg.norm(a - b), np.linalg.norm(c - b)) > 2.5
        is_clear = all(np.linalg.norm(o.center_m - b) > o.width_m / 2 + 1.3 for o in openings)
        if is_convex and is_long and is_clear:
            return outlines.cut_corner(polygon_m, int(corner), float(legs[0]), float(legs[1]))
    return polygon_m


def _flight(storeys: list[_Storey]) -> stairs.Flight | None:
    if len(storeys) < 2:
        return None
    polygons = [next(r.polygon_m for r in s.rooms if r.id == s.layout.stairwell) for s in storeys]
    if polygons[0].shape != polygons[1].shape or not np.allclose(polygons[0], polygons[1]):
        raise ValueError("staircases of the storeys do not lie above each other")
    room = storeys[0].rooms[0]
    flight = stairs.plan_flight(polygons[0], room.floor_z_m, room.ceiling_z_m)
    if flight is None:
        raise ValueError("the stairs do not fit")
    return flight


def _widened(flight: stairs.Flight, storey: int) -> shell.Rectangle:
    """The floor that the flight (below) or its well (above) takes."""
    x0, y0, x1, y1 = flight.rectangle if storey == 0 else flight.well
    return (x0 - 0.01, y0 - 0.06, x1 + 0.06, y1)


@dataclass
class _Fabric:
    """Materials of the building and the making of its storeys."""

    rng: np.random.Generator
    taste: palette.Palette
    wall_m: float
    outer_m: float

    def __post_init__(self) -> None:
        """Draw what all rooms share."""
        rng = self.rng
        self.base = palette.pick(rng, palette.WHITES)
        self.planks = palette.plank_floor(rng)
        self.ceiling = Material("ceiling", palette.pick(rng, palette.WHITES[:3], 0.01))
        white = Material("paint", palette.pick(rng, palette.WHITES), gloss=0.25)
        wood = self.taste.wood(rng)
        self.joinery = shell.Joinery(
            frame=white if rng.random() < 0.6 else wood,
            leaf=white if rng.random() < 0.55 else wood,
            handle=self.taste.steel(),
            window=white if rng.random() < 0.7 else wood,
            outside=Material(
                "outside", (0.55, 0.65, 0.80), seed=palette.seed_of(rng), emission=1.0
            ),
            radiator=Material("paint", (0.88, 0.88, 0.86), gloss=0.3),
        )
        self.skirting_m = float(rng.uniform(0.06, 0.12))

    def storey(
        self,
        storey: _Storey,
        rng: np.random.Generator,
        flight: stairs.Flight | None,
        level: int,
        doors: list[Doorway],
        windows: list[Window],
    ) -> list[Part]:
        """Shell, doors, windows and radiators of one storey; doors and windows are appended."""
        parts: list[Part] = []
        finish = {}
        for room in storey.rooms:
            finish[room.id] = shell.Finish(
                palette.wall_material(self.rng, room.name, self.base),
                palette.floor_material(self.rng, room.name, self.planks),
                self.ceiling,
                0.0 if room.name == "bathroom" else self.skirting_m,
            )
            is_well = flight is not None and room.name == "staircase"
            hole = flight.well if flight is not None and is_well else None
            parts += shell.room_shell(
                room,
                storey.openings,
                finish[room.id],
                self.wall_m,
                floor_hole=hole if level == 1 else None,
                ceiling_hole=hole if level == 0 else None,
            )
        z = storey.rooms[0].floor_z_m
        by_id = {r.id: r for r in storey.rooms}
        for o in storey.openings:
            if o.kind == "window":
                parts += shell.window_parts(
                    o, z, self.wall_m, self.outer_m, finish[o.rooms[0]], self.joinery, rng
                )
                if o.has_radiator:
                    parts.append(shell.radiator_part(o, z, self.wall_m, self.joinery))
                windows.append(_window(o, len(windows) + 1, z))
                continue
            side = _side_of(o, by_id)
            shared = finish[o.rooms[0]]
            parts += shell.door_parts(
                o, side, z, self.wall_m, self.joinery, shared.floor, shared.wall, self.ceiling, rng
            )
            doors.append(_doorway(o, len(doors) + 1, z))
        return parts

    def flight(self, flight: stairs.Flight, upper_z_m: float, ids: tuple[int, int]) -> list[Part]:
        """Steps, well and railing."""
        tread = self.taste.wood(self.rng)
        riser = Material("paint", self.base)
        return stairs.flight_parts(flight, tread, riser, ids[0]) + stairs.well_parts(
            flight, upper_z_m, riser, tread, ids[1]
        )


def _side_of(o: Opening, rooms: dict[int, Room]) -> float:
    """+1 if the room the leaf swings into lies where the opening's normal points."""
    probe = o.center_m + 0.3 * o.normal_m
    return 1.0 if outlines.contains(rooms[o.rooms[1]].polygon_m, probe[None])[0] else -1.0


def _doorway(o: Opening, number: int, floor_z_m: float) -> Doorway:
    center: F8 = np.array([*o.center_m, floor_z_m + o.z1_m / 2])
    yaw = float(np.arctan2(o.along_m[1], o.along_m[0]))
    rooms = (min(o.rooms), max(o.rooms))
    return Doorway(number, rooms, center, o.width_m, o.z1_m, yaw, o.open_rad, o.kind == "virtual")


def _window(o: Opening, number: int, floor_z_m: float) -> Window:
    center = np.array([*o.center_m, floor_z_m + (o.z0_m + o.z1_m) / 2])
    return Window(
        number, o.rooms[0], center, o.width_m, o.z1_m - o.z0_m, np.array([*o.normal_m, 0.0])
    )
