"""Rooms on a 0.1 m grid: which purposes a house has and how they share its floor.

A layout labels grid cells with room ids; borders between cells of different rooms are the centre
lines of the walls. Rooms may take any rectilinear shape, and are disjoint by construction.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mono_hydra.types import I4

CELL_M = 0.1
AREA_M2 = {  # usual sizes
    "living room": (16.0, 27.0),
    "kitchen": (8.0, 14.0),
    "bedroom": (10.0, 17.0),
    "bathroom": (5.0, 8.0),
    "study": (8.0, 13.0),
    "dining room": (10.0, 16.0),
    "storage": (3.5, 5.0),
    "office": (11.0, 20.0),
    "meeting room": (18.0, 32.0),
    "open space": (40.0, 62.0),
    "kitchenette": (8.0, 11.0),
}
WIDTH_M = {
    "bathroom": 1.9,
    "storage": 1.6,
    "kitchen": 2.5,
    "kitchenette": 2.4,
    "meeting room": 3.6,
    "open space": 7.0,
    "living room": 3.6,
}
DEFAULT_WIDTH_M = 2.7
WET_FIRST = ("storage", "bathroom", "kitchen", "kitchenette", "dining room")


@dataclass(frozen=True, eq=False)
class Layout:
    """Rooms of one storey. `cells` (nx, ny) holds room ids, 0 outside."""

    cells: I4
    names: dict[int, str]
    virtual: tuple[tuple[int, int], ...] = ()  # pairs joined without a wall
    stairwell: int = 0  # id of the room that holds the stairs


@dataclass
class _Canvas:
    """Rectangles being laid out, in metres; ids in the order of adding."""

    names: dict[int, str] = field(default_factory=dict)
    rects: list[tuple[int, float, float, float, float]] = field(default_factory=list)

    def add(self, name: str, x0: float, y0: float, x1: float, y1: float) -> int:
        number = len(self.names) + 1
        self.names[number] = name
        self.paint(number, x0, y0, x1, y1)
        return number

    def paint(self, number: int, x0: float, y0: float, x1: float, y1: float) -> None:
        self.rects.append((number, x0, y0, x1, y1))

    def layout(self, virtual: tuple[tuple[int, int], ...] = (), stairwell: int = 0) -> Layout:
        bounds = np.array([r[1:] for r in self.rects])
        low = bounds[:, :2].min(axis=0)
        size = np.round((bounds[:, 2:].max(axis=0) - low) / CELL_M).astype(int)
        cells = np.zeros((int(size[0]), int(size[1])), np.int32)
        for number, x0, y0, x1, y1 in self.rects:
            i0, j0, i1, j1 = np.round((np.array([x0, y0, x1, y1]) - [*low, *low]) / CELL_M).astype(
                int
            )
            cells[i0:i1, j0:j1] = number
        return Layout(cells, self.names, virtual, stairwell)


def flat_rooms(rng: np.random.Generator, n_rooms: int) -> list[str]:
    """Purposes of a home of `n_rooms` rooms, corridor apart."""
    first = ["living room", "bedroom", "bathroom", "kitchen"]
    if n_rooms <= 4:
        return first[:n_rooms]
    later = ["study", "bedroom", "dining room", "storage"]
    later = [later[i] for i in rng.permutation(4)]
    cycle = [
        "bedroom",
        "bathroom",
        "study",
        "bedroom",
        "storage",
        "living room",
        "kitchen",
        "bedroom",
    ]
    names = first + later
    while len(names) < n_rooms:
        names += cycle
    return names[: n_rooms - 1]


def office_rooms(rng: np.random.Generator, n_rooms: int) -> list[str]:
    """Purposes of an office, corridor apart."""
    first = [
        "office",
        "meeting room",
        "kitchenette",
        "office",
        "office",
        "bathroom",
        "storage",
        "office",
    ]
    names = first + (["open space"] if n_rooms >= 11 else [])
    while len(names) < n_rooms:
        names.append("meeting room" if rng.random() < 0.12 else "office")
    return names[: n_rooms if n_rooms <= 4 else n_rooms - 1]


def draw_layout(rng: np.random.Generator, kind: str, n_rooms: int) -> list[Layout]:
    """One layout per storey, from the bottom."""
    if kind == "two_storey":
        return _two_storeys(rng, n_rooms)
    names = office_rooms(rng, n_rooms) if kind == "office" else flat_rooms(rng, n_rooms)
    if kind == "open_plan":
        return [_open_plan(rng, n_rooms)]
    if n_rooms <= 4:
        return [_without_corridor(rng, names)]
    return [_with_corridors(rng, names, is_office=kind == "office")]


def _snap(value: float) -> float:
    return round(value / CELL_M) * CELL_M


def _area(rng: np.random.Generator, name: str) -> float:
    return float(rng.uniform(*AREA_M2[name]))


def _without_corridor(rng: np.random.Generator, names: list[str]) -> Layout:
    areas = [_area(rng, n) for n in names]
    total, ratio = sum(areas), float(rng.uniform(1.0, 1.5))
    canvas = _Canvas()
    width = _snap(np.sqrt(total * ratio))
    _slice(rng, canvas, list(zip(names, areas, strict=True)), 0.0, 0.0, width, _snap(total / width))
    return canvas.layout()


def _slice(
    rng: np.random.Generator,
    canvas: _Canvas,
    rooms: list[tuple[str, float]],
    x0: float,
    y0: float,
    x1: float,
    y1: float,
) -> None:
    """Cut the rectangle across its longer side until every piece is one room."""
    if len(rooms) == 1:
        canvas.add(rooms[0][0], x0, y0, x1, y1)
        return
    n_first = 1 if len(rooms) < 4 else 2
    first, second = rooms[:n_first], rooms[n_first:]
    share = sum(a for _, a in first) / sum(a for _, a in rooms)
    if x1 - x0 >= y1 - y0:
        middle = _snap(x0 + share * (x1 - x0))
        _slice(rng, canvas, first, x0, y0, middle, y1)
        _slice(rng, canvas, second, middle, y0, x1, y1)
    else:
        middle = _snap(y0 + share * (y1 - y0))
        _slice(rng, canvas, first, x0, y0, x1, middle)
        _slice(rng, canvas, second, x0, middle, x1, y1)


def _with_corridors(rng: np.random.Generator, names: list[str], is_office: bool) -> Layout:
    """Bands of two rows with a corridor between; several bands hang on a cross corridor."""
    canvas = _Canvas()
    n_bands = int(np.ceil((len(names) + 1) / 15))
    if n_bands == 1:
        end = _end_block(rng, names) if not is_office else []
        rest = list(names)
        for name in end:
            rest.remove(name)
        _band(rng, canvas, rest, 0.0, end, is_office)
        return canvas.layout()
    rooms = list(names)[
        : len(names) - n_bands
    ]  # each band and the spine bring a corridor of their own
    spine_width, y, middles = _snap(rng.uniform(1.5, 2.0)), 0.0, []
    for k in range(n_bands):
        middle, top = _band(rng, canvas, rooms[k::n_bands], y, [], is_office)
        middles.append(middle)
        y = _snap(top + rng.uniform(3.0, 5.0))
    canvas.add("corridor", -spine_width, middles[0][0], 0.0, middles[-1][1])
    return canvas.layout()


def _end_block(rng: np.random.Generator, names: list[str]) -> list[str]:
    """Rooms that take the whole depth of the house at one end of the corridor."""
    block = ["living room", "kitchen", "dining room"]
    return [n for n in block if n in names][:2] if rng.random() < 0.6 else []


def _band(
    rng: np.random.Generator,
    canvas: _Canvas,
    names: list[str],
    y0: float,
    end: list[str],
    is_office: bool,
) -> tuple[tuple[float, float], float]:
    """Two rows of rooms along a corridor from x = 0; returns the corridor's y span and the top."""
    corridor = _snap(rng.uniform(1.5, 2.1) if is_office else rng.uniform(1.2, 1.6))
    low_m, high_m = (3.6, 4.8) if is_office else (3.3, 4.3)
    depth = [_snap(rng.uniform(low_m, high_m)) for _ in range(2)]
    if not is_office:  # the largest room comes first, into the deeper row
        depth = sorted(depth, reverse=True)
        depth[0] = max(depth[0], 4.0)
    order = [names[i] for i in rng.permutation(len(names))]
    order.sort(key=lambda n: WET_FIRST.index(n) if n in WET_FIRST else len(WET_FIRST))
    rows: list[list[tuple[str, float]]] = [[], []]
    lengths = [0.0, 0.0]
    for name in sorted(order, key=lambda n: -AREA_M2[n][1]):
        row = int(np.argmin(lengths))
        width = max(_area(rng, name) / depth[row], WIDTH_M.get(name, DEFAULT_WIDTH_M))
        rows[row].append((name, _snap(width)))
        lengths[row] += _snap(width)
    for row in (0, 1):
        stretch = min(max(lengths) / max(lengths[row], 0.1), 1.3)
        rows[row] = [(n, _snap(w * stretch)) for n, w in rows[row]]
        rows[row].sort(key=lambda r: order.index(r[0]))
    y1, y2 = y0 + depth[0], y0 + depth[0] + corridor
    y3 = y2 + depth[1]
    lengths = [sum(w for _, w in row) for row in rows]
    length = max(lengths)
    reach = max(sum(w for _, w in row[:-1]) + 1.6 for row in rows if row)
    shorter = _snap(reach + rng.uniform(0.0, 0.6))
    cut = shorter if rng.random() < 0.6 and length - shorter > 1.0 else length
    last = {}
    for row, (low, high) in enumerate(((y0, y1), (y2, y3))):
        x = 0.0
        for name, width in rows[row]:
            last[row] = canvas.add(name, x, low, x + width, high)
            x += width
    canvas.add("corridor", 0.0, y1, cut, y2)
    if cut < length:
        longer = int(np.argmax(lengths))
        canvas.paint(last[longer], cut, y1, lengths[longer], y2)
    if end:
        _paint_end(rng, canvas, end, y0, y1, y2, y3)
    return (y1, y2), y3


def _paint_end(
    rng: np.random.Generator,
    canvas: _Canvas,
    end: list[str],
    y0: float,
    y1: float,
    y2: float,
    y3: float,
) -> None:
    """The living room, and perhaps the kitchen beside it, left of the corridor's start."""
    areas = [_area(rng, n) for n in end]
    width = _snap(np.clip(sum(areas) / (y3 - y0), 3.4, 4.6))
    if len(end) == 1:
        canvas.add(end[0], -width, y0, 0.0, y3)
        return
    # the wall between them must leave the corridor's mouth to one of the two
    border = _snap(np.clip(y3 - areas[1] / width, y2 + 0.2, y3 - 2.4))
    canvas.add(end[0], -width, y0, 0.0, border)
    canvas.add(end[1], -width, border, 0.0, y3)


def _open_plan(rng: np.random.Generator, n_rooms: int) -> Layout:
    """Living, dining and kitchen flow into each other; the other rooms lie along a corridor."""
    flowing = ["living room", "kitchen", "dining room"][: max(min(n_rooms, 3), 1)]
    canvas = _Canvas()
    rest = n_rooms - len(flowing)
    others = ["bedroom", "bathroom", "bedroom", "study", "storage", "bedroom", "bathroom", "study"]
    while len(others) < rest:
        others += others
    depth = _snap(rng.uniform(6.6, 8.4))
    if rest >= 3:
        _, depth = _band(rng, canvas, others[: rest - 1], 0.0, [], False)
    areas = [_area(rng, n) for n in flowing]
    width = _snap(np.clip(sum(areas) / depth, 4.2, 7.5))
    ids = []
    if len(flowing) == 1:
        ids.append(canvas.add(flowing[0], -width, 0.0, 0.0, depth))
    elif len(flowing) == 2:
        y = _snap(depth * areas[0] / sum(areas))
        ids += [
            canvas.add("living room", -width, 0.0, 0.0, y),
            canvas.add("kitchen", -width, y, 0.0, depth),
        ]
    else:
        low = _snap(depth * areas[0] / sum(areas)) if rest < 3 else _snap(depth * 0.6)
        x = _snap(-width * areas[2] / (areas[1] + areas[2]))
        ids.append(canvas.add("living room", -width, 0.0, 0.0, low))
        ids.append(canvas.add("kitchen", -width, low, x, depth))
        ids.append(canvas.add("dining room", x, low, 0.0, depth))
    for k, name in enumerate(others[:rest] if rest < 3 else []):
        y = depth * k / rest
        canvas.add(name, 0.0, _snap(y), _snap(rng.uniform(2.8, 3.6)), _snap(depth * (k + 1) / rest))
    pairs = tuple((ids[i], ids[j]) for i in range(len(ids)) for j in range(i + 1, len(ids)))
    return canvas.layout(virtual=pairs)


def _two_storeys(rng: np.random.Generator, n_rooms: int) -> list[Layout]:
    """A staircase across the end of the corridor, at the same place on both storeys."""
    n_low = (n_rooms + 1) // 2
    low = ["living room", "kitchen", "study", "dining room", "bathroom", "storage"]
    high = ["bedroom", "bathroom", "bedroom", "study", "bedroom", "storage"]
    while len(low) < n_rooms:
        low, high = low + low, high + high
    depth_seed, well = int(rng.integers(2**31)), _snap(rng.uniform(2.3, 2.6))
    layouts = []
    for names in (low[: n_low - 2], high[: n_rooms - n_low - 2]):
        canvas = _Canvas()
        # equal depths of rows and corridor: both storeys draw them from the same numbers
        _, top = _band(np.random.default_rng(depth_seed), canvas, names, 0.0, [], False)
        well_id = canvas.add("staircase", -well, 0.0, 0.0, top)
        layouts.append(canvas.layout(stairwell=well_id))
    return layouts
