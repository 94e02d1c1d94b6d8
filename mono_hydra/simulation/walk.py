"""A walk through a house: stops that see each room, the shortest tour of them, looking around.

Stops are chosen greedily by what they newly see; the closed tour goes over the free floor through
the doors; at each moment the gaze turns to where most unseen surface can be reached soonest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mono_hydra.errors import SimulationError
from mono_hydra.simulation.detour import Detour, with_detour
from mono_hydra.simulation.free_floor import FreeFloor
from mono_hydra.simulation.gaze import PITCHES, YAWS, Attention, Visible, wrapped
from mono_hydra.simulation.motion import KNOT_S, Motion
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.types import F8, Camera

CAMERA_CLEARANCE_M = 0.25
TURN_RATE = np.deg2rad(58.0)  # the most the planned gaze turns; tremor comes on top
TURN_ACCELERATION = np.deg2rad(150.0)
TILT_RATE = np.deg2rad(35.0)
ACCELERATION_M_S2 = 0.7
DOOR_NEAR_M = 0.7
LOOK_AHEAD_M = 0.5
MIN_DWELL_S, MAX_DWELL_S = 0.8, 14.0


@dataclass(frozen=True)
class WalkOptions:
    """How somebody carries the camera."""

    duration_s: float | None = None  # at most; None: 90 s, longer in proportion above 7 rooms
    still_s: float = 2.0
    eye_height_m: float | None = None  # None: drawn from 1.35..1.65
    speed_m_s: float | None = None  # cruising; None: drawn from 0.7..0.9
    gait: bool = True
    tremor_deg: float = 0.35
    detour: Detour | None = None

    def limit_s(self, n_rooms: int) -> float:
        """The longest allowed walk."""
        return self.duration_s if self.duration_s else 90.0 * max(1.0, n_rooms / 7.0)


@dataclass(frozen=True, eq=False)
class Stop:
    """A place to look around from."""

    room: int
    feet_m: F8  # (3,)


@dataclass(frozen=True, eq=False)
class Walk:
    """The motion and what was planned with it."""

    motion: Motion
    stops: tuple[Stop, ...]
    planned_share_seen: float
    detour_s: tuple[float, float] | None = None  # when the detour asked for happens


def plan_walk(
    scene: HouseScene, camera: Camera, options: WalkOptions, rng: np.random.Generator
) -> Walk:
    """A tour of all reachable rooms that begins at rest and returns to its start.

    Raises:
        SimulationError: no room has a place to stand, or no collision-free path was found.
    """
    house = scene.house
    options = replace(
        options,
        eye_height_m=options.eye_height_m or float(rng.uniform(1.35, 1.65)),
        speed_m_s=options.speed_m_s or float(rng.uniform(0.7, 0.9)),
    )
    floor = FreeFloor(house, scene)
    half = (np.arctan(camera.width / 2 / camera.fx), np.arctan(camera.height / 2 / camera.fy))
    limit = options.limit_s(len(house.rooms))
    attention = Attention(scene, half)
    ticks, stops = _planned_ticks(floor, attention, options, limit)
    control = _shaken(_eased(ticks, options.still_s), options, rng)
    control = _repaired(scene, control)
    span = None
    if options.detour is not None:
        control, span = with_detour(scene, camera, control, options.detour)
    return Walk(Motion(control), tuple(stops), attention.share_seen(), span)


def _planned_ticks(
    floor: FreeFloor, attention: Attention, options: WalkOptions, limit_s: float
) -> tuple[F8, list[Stop]]:
    """The stroll with the most stops, and then the longest looks, that ends within the limit."""
    room_s = limit_s - before_and_after(options) * KNOT_S
    views = _views_of_rooms(floor, attention, options)
    for most_stops, speed_m_s in ((5, 1.0), (3, 1.0), (2, 1.0), (1, 1.0), (1, 1.3)):
        stops = _choose_stops(floor, attention, views, most_stops)
        ways, stops = _tour(floor, stops)
        pace = _Pace(speed_m_s * (options.speed_m_s or 0.8))
        stroll = _Stroll(floor, attention, options, pace)
        walking = sum(pace.duration(way) for way in ways)
        if walking > 0.6 * room_s and most_stops > 1:
            continue  # rather look longer from fewer places
        ticks = stroll.run(ways, stops, MIN_DWELL_S)
        if len(ticks) * KNOT_S <= room_s:
            break
    low, high = MIN_DWELL_S, MAX_DWELL_S
    for _ in range(6):
        middle = 0.5 * (low + high)
        longer = stroll.run(ways, stops, middle)
        if len(longer) * KNOT_S <= room_s:
            low, ticks = middle, longer
        else:
            high = middle
    attention.forget()
    ticks = stroll.run(ways, stops, low)
    # only a limit that somebody asked for cuts a walk short
    return (ticks[: round(room_s / KNOT_S)] if options.duration_s else ticks), stops


def _views_of_rooms(
    floor: FreeFloor, attention: Attention, options: WalkOptions
) -> dict[int, tuple[F8, list[Visible]]]:
    """Per room with floor to stand on: places (N, 3) and what each sees of the room."""
    views = {}
    for room in floor.house.rooms:
        feet = floor.free_points(room.id, 0.4, 0.35)
        if not len(feet):
            feet = floor.free_points(room.id, 0.2, 0.27)
        if len(feet):
            eyes = feet + np.array([0.0, 0.0, options.eye_height_m or 1.5])
            views[room.id] = (feet, [attention.visible(eye, room.id) for eye in eyes])
    if not views:
        raise SimulationError(
            f"house of seed {floor.house.seed}: no room has a free place to stand; use another seed"
        )
    return views


def _choose_stops(
    floor: FreeFloor, attention: Attention, views: dict[int, tuple[F8, list[Visible]]], most: int
) -> list[Stop]:
    """Per room, places that together see most of it."""
    stops: list[Stop] = []
    for room_id, (feet, seen) in views.items():
        left = np.where(attention.room == room_id, attention.weight, 0.0)
        whole = left.sum()
        allowed = min(most, max(1, round(_area(floor.house.room(room_id).polygon_m) / 5.0)))
        for k in range(allowed):
            gains = np.array([(left[v.index] * v.worth).sum() for v in seen])
            best = int(np.argmax(gains))
            if k and gains[best] < 0.04 * whole:
                break
            stops.append(Stop(room_id, feet[best]))
            left[seen[best].index] *= 1.0 - seen[best].worth
    return stops


def _tour(floor: FreeFloor, stops: list[Stop]) -> tuple[list[F8], list[Stop]]:
    """Ways between consecutive stops of a short closed tour, and the stops in that order."""
    areas = {r.id: _area(r.polygon_m) for r in floor.house.rooms}
    start = max(range(len(stops)), key=lambda k: (areas[stops[k].room], -k))
    nodes = [floor.node(s.feet_m) for s in stops]
    far, before = floor.distances(nodes)
    length = far[:, nodes]
    reachable = [k for k in range(len(stops)) if np.isfinite(length[start, k])]
    order = _short_order(length, start, reachable)
    ways = [
        floor.way(before[a], nodes[b]) for a, b in zip(order, order[1:] + order[:1], strict=True)
    ]
    if len(order) == 1:
        ways = []
    return ways, [stops[k] for k in order]


def _short_order(length: F8, start: int, members: list[int]) -> list[int]:
    """Closed tour: nearest neighbour, then 2-opt and moved single stops until nothing helps."""
    order, left = [start], sorted(set(members) - {start})
    while left:
        nearest = min(left, key=lambda k: (length[order[-1], k], k))
        order.append(nearest)
        left.remove(nearest)

    # plain lists: scalar look-ups in them are several times faster than in arrays
    far, improved = length.tolist(), True
    while improved:
        improved = False
        for i in range(1, len(order)):
            for j in range(i + 1, len(order)):
                if _turned_gain(order, far, i, j) > 1e-6:
                    order[i : j + 1] = order[i : j + 1][::-1]
                    improved = True
            for j in range(1, len(order)):
                if j != i and _moved_gain(order, far, i, j) > 1e-6:
                    order.insert(j, order.pop(i))
                    improved = True
    return order


def _turned_gain(order: list[int], far: list[list[float]], i: int, j: int) -> float:
    """What a closed tour gets shorter by if its stops i..j are taken in reverse."""
    before, first, last = order[i - 1], order[i], order[j]
    after = order[(j + 1) % len(order)]
    return far[before][first] + far[last][after] - far[before][last] - far[first][after]


def _moved_gain(order: list[int], far: list[list[float]], i: int, j: int) -> float:
    """What a closed tour gets shorter by if stop i comes to stand at place j."""
    n, stop = len(order), order[i]
    left, right = order[i - 1], order[(i + 1) % n]
    a, b = (order[j - 1], order[j]) if j < i else (order[j], order[(j + 1) % n])
    if stop in (a, b):
        return 0.0
    saved = far[left][stop] + far[stop][right] - far[left][right]
    return saved - (far[a][stop] + far[stop][b] - far[a][b])


class _Pace:
    """Speed along a way: starts and ends at rest, slows down in bends."""

    def __init__(self, speed_m_s: float) -> None:
        self.speed_m_s = speed_m_s

    def times(self, way_m: F8) -> F8:
        """(N,) seconds at which each point of the way is reached."""
        step = np.linalg.norm(np.diff(way_m, axis=0), axis=1)
        direction = np.diff(way_m[:, :2], axis=0) / np.maximum(step, 1e-9)[:, None]
        span = max(1, min(4, len(direction) - 1))
        bend = np.zeros(len(way_m))
        turn = np.linalg.norm(direction[span:] - direction[:-span], axis=1)
        bend[1 : 1 + len(turn)] = turn / (span * np.maximum(step[: len(turn)], 1e-3))
        slope = np.zeros(len(way_m))
        slope[1:] = np.abs(np.diff(way_m[:, 2])) / np.maximum(step, 1e-9)
        speed = np.minimum(self.speed_m_s, np.sqrt(0.5 / np.maximum(bend, 1e-6)))
        speed = np.where(slope > 0.05, np.minimum(speed, 0.5), np.maximum(speed, 0.3))
        speed[0] = speed[-1] = 0.05
        for k in range(1, len(speed)):
            gain = 2 * ACCELERATION_M_S2 * step[k - 1]
            speed[k] = min(speed[k], np.sqrt(speed[k - 1] ** 2 + gain))
        for k in range(len(speed) - 2, -1, -1):
            gain = 2 * ACCELERATION_M_S2 * step[k]
            speed[k] = min(speed[k], np.sqrt(speed[k + 1] ** 2 + gain))
        return np.concatenate([[0.0], np.cumsum(2 * step / (speed[1:] + speed[:-1]))])

    def duration(self, way_m: F8) -> float:
        """Seconds for a way."""
        return float(self.times(way_m)[-1])


class _Stroll:
    """Walks the tour in ticks of one knot, turning the gaze as it goes."""

    def __init__(
        self, floor: FreeFloor, attention: Attention, options: WalkOptions, pace: _Pace
    ) -> None:
        self.attention = attention
        self.options = options
        self.pace = pace
        self.doors = np.array([d.center_m[:2] for d in floor.house.doors]).reshape(-1, 2)
        self.up = np.array([0.0, 0.0, options.eye_height_m or 1.5])
        self.ticks: list[F8] = []
        self.yaw = self.pitch = self.yaw_rate = self.pitch_rate = 0.0
        self._target = (0.0, float(np.deg2rad(-12.0)))
        self._cache: dict[tuple[int, int, int], Visible] = {}

    def run(self, ways: list[F8], stops: list[Stop], dwell_cap_s: float) -> F8:
        """Control values (M, 6) of the whole stroll, standing at most so long at each stop."""
        self.attention.forget()
        self.ticks = []
        self.yaw_rate = self.pitch_rate = 0.0
        first = self.attention.visible(stops[0].feet_m + self.up)
        gains = self.attention.gain(first)
        self.yaw = float(YAWS[int(np.argmax(gains.max(axis=1)))])
        self.pitch = float(np.deg2rad(-12.0))
        self._target = (self.yaw, self.pitch)
        self._dwell(stops[0].feet_m, dwell_cap_s)
        for k, way in enumerate(ways):
            self._go(way)
            last = k == len(ways) - 1
            self._dwell(way[-1], 0.5 * dwell_cap_s if last else dwell_cap_s)
        return np.array(self.ticks)

    def _dwell(self, feet_m: F8, cap_s: float) -> None:
        """Look around until little new is left here."""
        visible = self._visible(feet_m)
        start, ticks = float(self.attention.gain(visible).max()), 0
        while ticks * KNOT_S < cap_s:
            if ticks % 4 == 0:
                gains = self.attention.gain(visible)
                if ticks and gains.max() < max(0.06 * start, 0.2):
                    break
                self._choose(gains, None, np.pi)
            self._tick(feet_m, visible)
            ticks += 1
        for _ in range(3):  # come to rest before walking on
            self._target = (self.yaw, self.pitch)
            self._tick(feet_m, visible)

    def _go(self, way_m: F8) -> None:
        times = self.pace.times(way_m)
        along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(way_m, axis=0), axis=1))])
        for k, now in enumerate(np.arange(KNOT_S, times[-1], KNOT_S)):
            s = float(np.interp(now, times, along))
            feet = np.array([np.interp(s, along, way_m[:, i]) for i in range(3)])
            ahead = min(s + LOOK_AHEAD_M, along[-1])
            there = np.array([np.interp(ahead, along, way_m[:, i]) for i in range(2)])
            if along[-1] - s > 0.15:
                heading = float(np.arctan2(*(there - feet[:2])[::-1]))
            visible = self._visible(feet)
            near_door = bool(
                len(self.doors)
                and np.linalg.norm(self.doors - feet[:2], axis=1).min() < DOOR_NEAR_M
            )
            if k % 3 == 0:
                freedom = np.deg2rad(25.0 if near_door else 65.0)
                self._choose(self.attention.gain(visible), heading, float(freedom))
            self._tick(feet, visible)

    def _choose(self, gains: F8, heading: float | None, freedom_rad: float) -> None:
        """Set the gaze target: most new surface a second."""
        turn = np.abs(wrapped(YAWS - self.yaw))
        seconds = 0.7 + np.maximum(
            turn[:, None] / (0.8 * TURN_RATE),
            np.abs(PITCHES - self.pitch)[None] / (0.8 * TILT_RATE),
        )
        score = gains / seconds
        if heading is not None:
            off = np.abs(wrapped(YAWS - heading))
            score = np.where(off[:, None] <= freedom_rad, score, 0.0)
            if score.max() < 0.3:
                self._target = (heading, float(np.deg2rad(-12.0)))
                return
        i, j = np.unravel_index(int(np.argmax(score)), score.shape)
        self._target = (float(YAWS[i]), float(PITCHES[j]))

    def _tick(self, feet_m: F8, visible: Visible) -> None:
        error = float(wrapped(self._target[0] - self.yaw))
        self.yaw_rate = _eased_rate(error, self.yaw_rate, TURN_RATE)
        self.pitch_rate = _eased_rate(self._target[1] - self.pitch, self.pitch_rate, TILT_RATE)
        self.yaw += self.yaw_rate * KNOT_S
        self.pitch += self.pitch_rate * KNOT_S
        self.attention.look(visible, self.yaw, self.pitch, KNOT_S)
        self.ticks.append(np.array([*(feet_m + self.up), self.yaw, self.pitch, 0.0]))

    def _visible(self, feet_m: F8) -> Visible:
        """What is visible from about here."""
        key = tuple(int(k) for k in np.round(feet_m / 0.25))
        if key not in self._cache:
            self._cache[key] = self.attention.visible(feet_m + self.up)  # type: ignore[index]
        return self._cache[key]  # type: ignore[index]


def _eased_rate(error: float, rate: float, most: float) -> float:
    """Next turning rate towards an error, with bounded acceleration and no overshoot."""
    wanted = np.sign(error) * min(most, np.sqrt(2 * 0.6 * TURN_ACCELERATION * abs(error)))
    if abs(error) < np.deg2rad(2.0):
        wanted = error / KNOT_S * 0.3
    change = TURN_ACCELERATION * KNOT_S
    return float(rate + np.clip(wanted - rate, -change, change))


def before_and_after(options: WalkOptions) -> int:
    """Knots of rest that `_eased` adds, less the three a cubic spline needs beyond its span."""
    return round(options.still_s / KNOT_S) + 9


def _eased(ticks: F8, still_s: float) -> F8:
    """Rest before and after; gaze and position softened over 0.4 s."""
    kernel = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9.0
    before = round(still_s / KNOT_S) + 6
    padded = np.concatenate([np.tile(ticks[:1], (before, 1)), ticks, np.tile(ticks[-1:], (8, 1))])
    soft = np.stack([np.convolve(c, kernel, "valid") for c in padded.T], axis=1)
    return np.concatenate([np.tile(ticks[:1], (2, 1)), soft])


def _shaken(control: F8, options: WalkOptions, rng: np.random.Generator) -> F8:
    """Add the gait's bob and sway while walking and the hand's tremor, none at rest before."""
    n = len(control)
    t = np.arange(n) * KNOT_S
    speed = np.zeros(n)
    speed[1:-1] = np.linalg.norm(control[2:, :3] - control[:-2, :3], axis=1) / (2 * KNOT_S)
    walking = np.convolve(np.clip(speed / 0.6, 0.0, 1.0), np.ones(7) / 7, "same")
    begun = np.clip((t - options.still_s - 0.4) / 0.5, 0.0, 1.0)
    shaken = control.copy()
    step_hz, bob_m = rng.uniform(1.6, 2.0), rng.uniform(0.01, 0.022)
    phase = 2 * np.pi * step_hz * t + rng.uniform(0, 2 * np.pi)
    white = rng.standard_normal((n, 3))
    smooth = np.stack([np.convolve(c, [0.25, 0.5, 0.25], "same") for c in white.T], axis=1)
    if options.gait:
        shaken[:, 2] += begun * walking * bob_m * np.sin(phase)
        side = np.stack([-np.sin(control[:, 3]), np.cos(control[:, 3])], axis=1)
        shaken[:, :2] += (begun * walking * 0.5 * bob_m * np.sin(phase / 2))[:, None] * side
        shaken[:, 5] += begun * walking * np.deg2rad(0.8) * np.sin(phase / 2 + 0.6)
        shaken[:, 4] += begun * walking * np.deg2rad(0.5) * np.sin(phase + 1.0)
    tremor = (
        begun[:, None] * (0.6 + 0.4 * walking)[:, None] * smooth * np.deg2rad(options.tremor_deg)
    )
    shaken[:, 3:] += tremor
    shaken[:, 4] = np.clip(shaken[:, 4], np.deg2rad(-34.5), np.deg2rad(9.5))
    return shaken


def _repaired(scene: HouseScene, control: F8) -> F8:
    """Push the path away from whatever is nearer than the camera may come."""
    control = control.copy()
    for _ in range(12):
        motion = Motion(control)
        stamps = np.arange(0.0, motion.duration_s, 0.05)
        points = motion.camera(stamps).T_world[:, :3, 3]
        bad = np.flatnonzero(scene.distance(points) < CAMERA_CLEARANCE_M + 0.005)
        if not len(bad):
            return control
        nearest, _ = scene.closest(points[bad])
        away = points[bad] - nearest
        gap = np.linalg.norm(away, axis=1, keepdims=True)
        push = away / np.maximum(gap, 1e-6) * (CAMERA_CLEARANCE_M + 0.03 - gap)
        moves, weights = np.zeros((len(control), 3)), np.zeros((len(control), 1))
        for stamp, move in zip(stamps[bad], push, strict=True):
            k = int(stamp / KNOT_S)
            span = slice(max(0, k - 3), k + 7)
            moves[span] += move
            weights[span] += 1.0
        control[:, :3] += moves / np.maximum(weights, 1.0)
    raise SimulationError(
        f"house of seed {scene.house.seed}: no walk keeps {CAMERA_CLEARANCE_M} m from everything; "
        "use another seed"
    )


def _area(polygon_m: F8) -> float:
    x, y = polygon_m.T
    return float(0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1)))
