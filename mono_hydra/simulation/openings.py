"""Doors and windows of a storey: where two regions touch, which contacts become passages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.simulation.floor_plan import CELL_M, Layout
from mono_hydra.types import F8, I4

MIN_CONTACT_M = 1.2
HUBS = (
    "corridor",
    "staircase",
    "living room",
    "open space",
    "dining room",
    "kitchen",
    "kitchenette",
)
SILL_M = {
    "bathroom": (1.0, 1.1),
    "kitchen": (1.0, 1.1),
    "kitchenette": (1.0, 1.1),
    "living room": (0.0, 0.85),
    "office": (0.6, 0.95),
    "meeting room": (0.5, 0.9),
}


@dataclass(frozen=True, eq=False)
class Opening:
    """A hole through a wall, on its centre line."""

    kind: str  # door, frame (no leaf), virtual, window, entrance
    rooms: tuple[int, int]  # ids; window and entrance: (room, 0). The leaf swings into rooms[1]
    center_m: F8  # (2,) on the centre line
    along_m: F8  # (2,) unit vector of the width; the hinge is at its start
    width_m: float
    z0_m: float  # above the floor
    z1_m: float
    open_rad: float = np.pi
    has_radiator: bool = False  # below a window

    @property
    def normal_m(self) -> F8:
        """(2,) unit vector across the wall: `along_m` turned left."""
        return np.array([-self.along_m[1], self.along_m[0]])


@dataclass(frozen=True)
class Contact:
    """A straight border between two regions."""

    rooms: tuple[int, int]
    axis: int  # 0: a wall along x, 1: along y
    at_m: float  # the other coordinate
    low_m: float
    high_m: float
    first_is_low: bool  # rooms[0] lies on the side of smaller coordinates

    @property
    def length_m(self) -> float:
        """Extent of the border."""
        return self.high_m - self.low_m


def find_contacts(cells: I4) -> list[Contact]:
    """All straight borders between different regions, outside (0) included."""
    padded = np.pad(cells, 1)
    contacts = []
    for axis in (0, 1):
        grid = padded if axis == 1 else padded.T
        low, high = grid[:-1], grid[1:]  # neighbours across the wall
        for line in range(low.shape[0]):
            pairs = low[line].astype(np.int64) * 100000 + high[line]
            starts = np.flatnonzero(np.diff(pairs, prepend=-1))
            for begin, end in zip(starts, [*starts[1:], len(pairs)], strict=True):
                a, b = int(low[line][begin]), int(high[line][begin])
                if a != b:
                    first = a if (a < b and a) or not b else b
                    rooms = (first, b if first == a else a)
                    contacts.append(
                        Contact(
                            rooms,
                            axis,
                            line * CELL_M,
                            (begin - 1) * CELL_M,
                            (end - 1) * CELL_M,
                            first == a,
                        )
                    )
    return contacts


def choose_passages(
    rng: np.random.Generator, layout: Layout, contacts: list[Contact]
) -> list[tuple[Contact, str]]:
    """A connected set of passages (contact, kind), a few of them more than needed.

    Raises:
        ValueError: if some room touches no room one may walk through.
    """
    inner: dict[tuple[int, int], Contact] = {}
    for c in contacts:
        if c.rooms[1] and c.length_m >= MIN_CONTACT_M:
            best = inner.get(c.rooms)
            inner[c.rooms] = c if best is None or c.length_m > best.length_m else best
    virtual = {tuple(sorted(p)) for p in layout.virtual}
    passages = [(inner[p], "virtual") for p in sorted(inner) if p in virtual]
    ids = sorted(layout.names)
    group = {i: i for i in ids}
    for c, _ in passages:
        _join(group, *c.rooms)

    def cost(pair: tuple[int, int]) -> float:
        hubs = [HUBS.index(layout.names[i]) if layout.names[i] in HUBS else 20 for i in pair]
        return min(hubs) + 0.05 * max(hubs) + 0.5 * float(jitter[pair])

    has_hub = any(n in HUBS for n in layout.names.values())
    jitter = {p: rng.random() for p in sorted(inner)}
    for pair in sorted(inner, key=cost):
        if group[pair[0]] != group[pair[1]] and (cost(pair) < 19 or not has_hub):
            _join(group, *pair)
            passages.append((inner[pair], "door"))
    if len({group[i] for i in ids}) > 1:
        raise ValueError("a room has no way in")
    used = {c.rooms for c, _ in passages}
    for pair in sorted(inner):
        names = {layout.names[pair[0]], layout.names[pair[1]]}
        social = names <= {"living room", "kitchen", "dining room"}
        chance = 0.6 if social else 0.35 if names == {"bedroom", "bathroom"} else 0.0
        if pair not in used and rng.random() < chance:
            passages.append((inner[pair], "closed" if rng.random() < 0.4 else "door"))
    return passages


def _join(group: dict[int, int], a: int, b: int) -> None:
    old, new = group[b], group[a]
    for key, value in group.items():
        if value == old:
            group[key] = new


def place_openings(
    rng: np.random.Generator, layout: Layout, wall_m: float, height_m: float
) -> list[Opening]:
    """Doors, then windows, of one storey.

    Raises:
        ValueError: if doors do not fit or a room has no way in.
    """
    contacts = find_contacts(layout.cells)
    openings: list[Opening] = []
    door_height = float(rng.uniform(2.0, 2.1))
    for contact, kind in choose_passages(rng, layout, contacts):
        openings.append(
            _passage(rng, layout, contact, kind, wall_m, height_m, door_height, openings)
        )
    for room in sorted(layout.names):
        openings += _windows(
            rng,
            layout.names[room],
            [c for c in contacts if c.rooms == (room, 0)],
            room,
            wall_m,
            height_m,
        )
    return openings


def _passage(
    rng: np.random.Generator,
    layout: Layout,
    contact: Contact,
    kind: str,
    wall_m: float,
    height_m: float,
    door_height_m: float,
    others: list[Opening],
) -> Opening:
    low, high = contact.low_m + wall_m / 2, contact.high_m - wall_m / 2
    if kind == "virtual":
        width = high - low
        return Opening(
            "virtual",
            contact.rooms,
            _point(contact, (low + high) / 2),
            _axis(contact),
            width,
            0.0,
            height_m,
        )
    width = float(np.clip(rng.choice([0.78, 0.82, 0.86, 0.9, 0.95]), 0.75, high - low - 0.2))
    names = [layout.names[i] for i in contact.rooms]
    social = set(names) <= {"living room", "kitchen", "dining room", "corridor", "staircase"}
    has_leaf = not (social and rng.random() < 0.35) and names != ["corridor", "corridor"]
    has_leaf = has_leaf or kind == "closed"
    candidates: list[tuple[float, int, float]] = []
    for _ in range(14):
        margin = rng.uniform(0.12, 0.3) + width / 2
        at = [low + margin, high - margin, rng.uniform(low, high)][
            int(rng.choice(3, p=[0.4, 0.4, 0.2]))
        ]
        at = float(np.clip(at, low + width / 2 + 0.1, high - width / 2 - 0.1))
        clash = sum(_clearance_clash(_point(contact, at), o.center_m) for o in others)
        candidates.append((clash, len(candidates), at))
    at = min(candidates)[2]
    into = (
        contact.rooms[1]
        if names[1] not in HUBS or names[0] in ("corridor", "staircase")
        else contact.rooms[0]
    )
    if names[1] in ("corridor", "staircase"):
        into = contact.rooms[0]
    hinge_low = at - low < high - at  # the leaf folds towards the nearer side wall
    along = _axis(contact) * (1.0 if hinge_low else -1.0)
    rooms = contact.rooms if into == contact.rooms[1] else contact.rooms[::-1]
    angle = 0.0 if kind == "closed" else float(np.deg2rad(rng.uniform(75, 105)))
    return Opening(
        "door" if has_leaf else "frame",
        (rooms[0], rooms[1]),
        _point(contact, at),
        along,
        width,
        0.0,
        door_height_m,
        angle if has_leaf else np.pi,
    )


def _clearance_clash(a_m: F8, b_m: F8) -> float:
    return max(0.0, 1.5 - float(np.linalg.norm(a_m - b_m)))


def _axis(contact: Contact) -> F8:
    return np.array([1.0, 0.0]) if contact.axis == 0 else np.array([0.0, 1.0])


def _point(contact: Contact, at_m: float) -> F8:
    return np.array([at_m, contact.at_m] if contact.axis == 0 else [contact.at_m, at_m])


def _windows(
    rng: np.random.Generator,
    name: str,
    walls: list[Contact],
    room: int,
    wall_m: float,
    height_m: float,
) -> list[Opening]:
    """Windows of one room; along_m is chosen so that the normal points into the room."""
    wanted = {"storage": 0, "corridor": 1, "staircase": 1, "bathroom": 1}.get(name, 3)
    found: list[Opening] = []
    sill = float(rng.uniform(*SILL_M.get(name, (0.7, 1.0))))
    if name == "living room" and 0.1 < sill < 0.5:
        sill = 0.05
    top = float(rng.uniform(2.05, min(2.3, height_m - 0.12)))
    for wall in sorted(walls, key=lambda c: -c.length_m):
        room_m = wall.length_m - wall_m - 0.5
        if room_m < 0.7 or len(found) >= wanted or (found and rng.random() < 0.35):
            continue
        n = 2 if room_m > 4.2 and wanted > len(found) + 1 else 1
        for k in range(n):
            span = room_m / n - 0.3 * (n - 1)
            limit = 1.0 if name == "bathroom" else 1.2 if name in ("corridor", "staircase") else 2.4
            width = min(float(rng.uniform(0.45, 0.8)) * span, limit)
            width = max(width, min(0.7, span))
            middle = wall.low_m + wall_m / 2 + 0.25 + room_m * (k + 0.5) / n
            at = middle + float(rng.uniform(-0.5, 0.5)) * max(span - width, 0.0)
            along = _axis(wall)
            normal = np.array([-along[1], along[0]])
            inward = _inward(wall)
            along = along if float(normal @ inward) > 0 else -along
            warm = sill > 0.6 and name not in ("corridor", "staircase") and rng.random() < 0.5
            found.append(
                Opening(
                    "window",
                    (room, 0),
                    _point(wall, at),
                    along,
                    width,
                    sill,
                    top,
                    has_radiator=bool(warm),
                )
            )
    return found


def _inward(contact: Contact) -> F8:
    """(2,) unit vector from the border into rooms[0]."""
    across = np.array([0.0, 1.0]) if contact.axis == 0 else np.array([1.0, 0.0])
    return -across if contact.first_is_low else across
