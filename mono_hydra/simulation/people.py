"""People who walk about a house while it is recorded: where each is at every moment.

A person goes from place to place over the free floor, through the doors, and stands for a while in
between. Its way is drawn leg by leg; a leg that would come too near to the camera or to somebody
else is drawn again, and where nothing helps the last legs are taken back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.errors import SimulationError
from mono_hydra.simulation.free_floor import FreeFloor, resampled
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.types import F8

TICK_S = 0.1
BODY_RADIUS_M = 0.35  # arms and legs swing this far from the axis
CAMERA_GAP_M = 0.5  # free air between a person and the camera
APART_M = 0.8  # axes of two people
SPEED_M_S = (0.6, 1.4)
STAND_S = (0.0, 5.0)
HEIGHT_M = (1.5, 1.95)
STEP_M = 0.72  # length of one step of a person 1.75 m high
TURN_RAD_S = np.deg2rad(160.0)
NEAR_CAMERA_SHARE = 0.6  # of the goals, so that people are seen
NEAR_CAMERA_M = (1.3, 4.0)
PLACES_PER_ROOM = 6
TRIES_PER_LEG = 25
MAX_BACKWARD = 60  # legs taken back before a person starts anew
MAX_STARTS = 12


@dataclass(frozen=True, eq=False)
class Agent:
    """One person's way; it is there from the first to the last of `stamps_s`."""

    id: int
    height_m: float
    look_seed: int
    stamps_s: F8  # (M,)
    feet_m: F8  # (M, 3)
    yaw_rad: F8  # (M,) where it looks, unwrapped
    phase_rad: F8  # (M,) of the gait, unwrapped; whole turns while it stands

    def at(self, stamp_s: float) -> tuple[F8, float, float] | None:
        """Feet (3,), yaw and gait phase at a moment, None while it is not there."""
        if not self.stamps_s[0] <= stamp_s <= self.stamps_s[-1]:
            return None
        feet = [np.interp(stamp_s, self.stamps_s, self.feet_m[:, k]) for k in range(3)]
        yaw = float(np.interp(stamp_s, self.stamps_s, self.yaw_rad))
        return np.array(feet), yaw, float(np.interp(stamp_s, self.stamps_s, self.phase_rad))


def plan_people(
    scene: HouseScene, camera_m: F8, n: int, first_id: int, rng: np.random.Generator
) -> list[Agent]:
    """`n` people who keep clear of the camera and of each other.

    Args:
        scene: the house.
        camera_m: (M, 3) the camera's path at every tick of `TICK_S`.
        n: how many.
        first_id: their instance ids count from here.
        rng: draws everything.

    Raises:
        SimulationError: there is no room for so many.
    """
    floor = FreeFloor(scene.house, scene)
    places = _places(floor, rng)
    if len(places) < 2:
        raise SimulationError("--people: the house has no free floor to walk on; give 0")
    network = _Network(floor, places)
    tracks: list[F8] = []
    for k in range(n):
        track = _track(network, camera_m, tracks, rng)
        if track is None:
            raise SimulationError(
                f"--people {n}: no free way for person {k + 1} beside the camera's; give fewer"
            )
        tracks.append(track)
    return [_agent(first_id + k, track, rng) for k, track in enumerate(tracks)]


class _Network:
    """Places to go to and the ways between them, found when first asked for."""

    def __init__(self, floor: FreeFloor, places_m: F8) -> None:
        self.places_m = places_m
        self._floor = floor
        self._nodes = [floor.node(p) for p in places_m]
        self._far, self._before = floor.distances(self._nodes)
        self._ways: dict[tuple[int, int], F8 | None] = {}

    def way(self, start: int, goal: int) -> F8 | None:
        """(N, 3) from one place to another; None where there is none."""
        if (start, goal) not in self._ways:
            reached = np.isfinite(self._far[start, self._nodes[goal]])
            way = self._floor.way(self._before[start], self._nodes[goal]) if reached else None
            self._ways[start, goal] = way
        return self._ways[start, goal]


def _places(floor: FreeFloor, rng: np.random.Generator) -> F8:
    chosen = []
    for room in floor.house.rooms:
        points = floor.free_points(room.id, 0.7, 0.4)
        if not len(points):
            points = floor.free_points(room.id, 0.4, 0.3)
        if len(points):
            some = rng.permutation(len(points))[:PLACES_PER_ROOM]
            chosen.append(points[np.sort(some)])
    return np.concatenate(chosen) if chosen else np.zeros((0, 3))


def _track(
    network: _Network, camera_m: F8, others: list[F8], rng: np.random.Generator
) -> F8 | None:
    """(M, 3) feet at every tick of the camera's path, or None."""
    for _ in range(MAX_STARTS):
        legs: list[tuple[F8, int]] = [_start(network, rng)]
        backward = 0
        while (begun := sum(len(leg) for leg, _ in legs)) < len(camera_m):
            leg = _leg(network, legs[-1], begun, camera_m, others, rng)
            if leg is not None:
                legs.append(leg)
                continue
            backward += 1
            if len(legs) == 1 or backward > MAX_BACKWARD:
                break
            legs.pop()
        else:
            track = np.concatenate([leg for leg, _ in legs])[: len(camera_m)]
            if _is_clear(track, 0, camera_m, others):
                return track
    return None


def _start(network: _Network, rng: np.random.Generator) -> tuple[F8, int]:
    place = int(rng.integers(len(network.places_m)))
    return network.places_m[place][None], place


def _leg(
    network: _Network,
    last: tuple[F8, int],
    begun: int,
    camera_m: F8,
    others: list[F8],
    rng: np.random.Generator,
) -> tuple[F8, int] | None:
    """Stand a while, then walk to another place: the first draw that is clear of everybody."""
    at = last[1]
    for k in range(TRIES_PER_LEG):
        stand = int(rng.uniform(*STAND_S) / TICK_S) if k % 3 else 0
        goal = _goal(network, camera_m[min(begun + stand + 40, len(camera_m) - 1)], rng)
        speed_m_s = float(rng.uniform(*SPEED_M_S))
        way = network.way(at, goal) if goal != at else None
        if way is None:
            continue
        leg = np.concatenate([np.tile(way[:1], (stand, 1)), resampled(way, speed_m_s * TICK_S)])
        if _is_clear(leg, begun, camera_m, others):
            return leg, goal
    return None


def _goal(network: _Network, camera_m: F8, rng: np.random.Generator) -> int:
    """Some place; mostly one near to where the camera is going to be."""
    if rng.random() < NEAR_CAMERA_SHARE:
        far = np.linalg.norm(network.places_m[:, :2] - camera_m[:2], axis=1)
        beside = np.abs(camera_m[2] - network.places_m[:, 2] - 1.2) < 1.2  # of the same storey
        near = np.flatnonzero((far > NEAR_CAMERA_M[0]) & (far < NEAR_CAMERA_M[1]) & beside)
        if len(near):
            return int(rng.choice(near))
    return int(rng.integers(len(network.places_m)))


def _is_clear(track_m: F8, begun: int, camera_m: F8, others: list[F8]) -> bool:
    """Whether feet (N, 3) from tick `begun` on stay away from the camera and from the others."""
    camera = camera_m[begun : begun + len(track_m)]
    feet = track_m[: len(camera)]
    height = camera[:, 2] - feet[:, 2]
    beside = (height > -0.3) & (height < 2.3)
    gap = np.linalg.norm(camera[:, :2] - feet[:, :2], axis=1)
    if (beside & (gap < CAMERA_GAP_M + BODY_RADIUS_M)).any():
        return False
    return all(
        (np.linalg.norm(other[begun : begun + len(feet)] - feet, axis=1) > APART_M).all()
        for other in others
    )


def _agent(number: int, track_m: F8, rng: np.random.Generator) -> Agent:
    """Add where a person looks and how its legs swing to its way."""
    n, height_m = len(track_m), float(rng.uniform(*HEIGHT_M))
    step = np.linalg.norm(np.diff(track_m, axis=0, append=track_m[-1:]), axis=1)
    heading = np.zeros(n)
    ahead = np.diff(track_m[:, :2], axis=0, append=track_m[-1:, :2])
    moving = np.flatnonzero(step > 0.01)
    heading[:] = rng.uniform(-np.pi, np.pi)
    if len(moving):  # while standing, a person already looks where it goes next
        following = moving[np.minimum(np.searchsorted(moving, np.arange(n)), len(moving) - 1)]
        heading = np.arctan2(ahead[following, 1], ahead[following, 0])
    return Agent(
        id=number,
        height_m=height_m,
        look_seed=int(rng.integers(2**31)),
        stamps_s=np.arange(n, dtype=np.float64) * TICK_S,
        feet_m=track_m,
        yaw_rad=_followed(np.unwrap(heading)),
        phase_rad=gait_phase(step, height_m),
    )


def _followed(wanted_rad: F8) -> F8:
    """Turn towards the wanted direction no faster than a person does."""
    turned, most = wanted_rad.copy(), TURN_RAD_S * TICK_S
    for k in range(1, len(turned)):
        error = (wanted_rad[k] - turned[k - 1] + np.pi) % (2 * np.pi) - np.pi
        turned[k] = turned[k - 1] + np.clip(error, -most, most)
    return turned


def gait_phase(step_m: F8, height_m: float) -> F8:
    """(N,) gait phase along steps a tick long; legs come together where a person stands.

    One turn of the phase is two steps; standing lets the phase run on to the next half turn.
    """
    per_m = np.pi / (STEP_M * height_m / 1.75)
    phase = np.zeros(len(step_m))
    for k in range(1, len(step_m)):
        if step_m[k - 1] > 0.01:
            phase[k] = phase[k - 1] + per_m * step_m[k - 1]
        else:
            rest = np.ceil(phase[k - 1] / np.pi - 1e-9) * np.pi
            phase[k] = min(rest, phase[k - 1] + 0.6)
    return phase
