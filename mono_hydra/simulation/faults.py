"""Faults that a recording can have, and where each of them is made.

Every fault begins at `ONSET` of the sequence unless its name says otherwise, draws from the seed,
and is written to truth/events.json as {kind: "fault", t0, t1, id}. The true images, poses and
labels stay those of the world: only what the estimator may read is spoilt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mono_hydra.errors import SimulationError
from mono_hydra.simulation.detour import Detour, Stare, Turn
from mono_hydra.simulation.options import SimulateOptions
from mono_hydra.simulation.people import TICK_S, Agent
from mono_hydra.types import F8

ONSET = 0.4  # of the duration
EXPOSURE_STEP = 4.0
STEP_FRAMES = 3
DARK, WHITE = 0.002, 300.0  # factors on the light of the sensor
PERSON_GAP_M = 0.68  # from the camera to the axis of the one who stands before it
Stage = Literal["motion", "light", "person", "lens", "files"]


@dataclass(frozen=True)
class Fault:
    """One fault: where it is made and how long it lasts; None: to the end."""

    stage: Stage
    seconds: float | None
    what: str
    onset: float = ONSET


FAULTS: dict[str, Fault] = {
    "static_start": Fault("motion", 10.0, "the first 10 s at rest", 0.0),
    "pure_rotation_start": Fault("motion", 5.0, "turns on the spot at once, without a rest", 0.0),
    "blur": Fault("motion", None, "one whole turn at 200 degrees/s, with motion blur"),
    "dark": Fault("light", 1.5, "no light"),
    "white": Fault("light", 1.5, "far too much light"),
    "exposure_step": Fault("light", 2.0, "4 times brighter within 3 frames, then back"),
    "blank_wall": Fault("motion", 3.0, "45 cm before a plain wall, then back"),
    "cut": Fault("motion", 0.0, "a jump to another place that was seen before", 0.5),
    "person": Fault("person", 5.0, "somebody stands 0.7 m before the camera, wherever it goes"),
    "hand": Fault("lens", 3.0, "a hand over the lens"),
    "drop_frames": Fault("files", None, "20 % of the images missing"),
    "gap_frames": Fault("files", 2.0, "no images; inertial samples go on"),
    "gap_imu": Fault("files", 0.5, "no inertial samples"),
    "stamps_disorder": Fault("files", None, "1 % of the images swapped or doubled"),
    "corrupt_image": Fault("files", None, "10 images that cannot be decoded"),
    "intrinsics": Fault("files", None, "the card's fx 2 % too large", 0.0),
    "time_offset": Fault("files", None, "stamps of the images 20 ms late", 0.0),
    "imu_noise": Fault("files", None, "white noise 5 times the card's"),
    "imu_spikes": Fault("files", None, "5 % of the inertial samples far off"),
    "empty": Fault("files", None, "no image at all", 0.0),
    "one_frame": Fault("files", None, "a single image", 0.0),
    "two_frames": Fault("files", None, "two images", 0.0),
}
ELSEWHERE = {
    "depth_scale": "the network's", "nan_depth": "the network's", "no_weights": "the network's",
    "disk_full": "the run's", "interrupt": "the run's",
    "stairs": "not made yet; --kind two_storey has stairs",
}  # fmt: skip


def check_fault(name: str, *, is_replay: bool) -> None:
    """Whether a fault can be made.

    Raises:
        SimulationError: it cannot; says why and which ones can.
    """
    if name not in FAULTS:
        why = f" ({ELSEWHERE[name]})" if name in ELSEWHERE else ""
        raise SimulationError(f"--fault {name}: no such fault{why}; one of {', '.join(FAULTS)}")
    if is_replay and FAULTS[name].stage == "motion":
        raise SimulationError(f"--fault {name}: a replayed motion is as recorded; give another")


def with_fault(options: SimulateOptions) -> SimulateOptions:
    """The options that the fault of a motion needs."""
    if options.fault == "static_start":
        return replace(options, still_s=10.0)
    if options.fault == "pure_rotation_start":
        return replace(options, still_s=0.0)
    if options.fault == "blur":
        return replace(options, effects=replace(options.effects, max_shutter_s=0.02))
    return options


def detour_of(name: str | None) -> Detour | None:
    """What a fault puts into the walk."""
    if name == "pure_rotation_start":
        return Turn(at_share=0.0, angle_rad=2 * np.pi, rate_rad_s=np.deg2rad(80.0))
    if name == "blur":
        return Turn(at_share=ONSET, angle_rad=2 * np.pi, rate_rad_s=np.deg2rad(200.0))
    if name == "blank_wall":
        return Stare(at_share=ONSET, seconds=3.0)
    return None


def span_of(
    name: str, duration_s: float, detour_s: tuple[float, float] | None
) -> tuple[float, float]:
    """First and last second of a fault in a sequence of that duration."""
    fault = FAULTS[name]
    if detour_s is not None:
        return detour_s
    begin = fault.onset * duration_s
    end = duration_s if fault.seconds is None else min(begin + fault.seconds, duration_s)
    return round(begin, 3), round(end, 3)


def light_factor(
    name: str | None, span_s: tuple[float, float], frame_s: float, stamp_s: float
) -> float:
    """What the light on the sensor is multiplied with at a moment; `frame_s` between frames."""
    if name not in ("dark", "white", "exposure_step") or not span_s[0] <= stamp_s < span_s[1]:
        return 1.0
    if name == "dark":
        return DARK
    if name == "white":
        return WHITE
    share = min(1.0, (stamp_s - span_s[0] + frame_s) / (STEP_FRAMES * frame_s))
    return float(EXPOSURE_STEP**share)


def person_before(T_world_camera: F8, stamps_s: F8, number: int, floor_m: F8) -> Agent:
    """Somebody who keeps standing before the camera and looks at it.

    Args:
        T_world_camera: (M, 4, 4) at the ticks of the fault.
        stamps_s: (M,) these ticks.
        number: instance id.
        floor_m: (M,) height of the floor below the camera.
    """
    forward = T_world_camera[:, :2, 2]
    forward = forward / np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-9)
    feet = np.column_stack([T_world_camera[:, :2, 3] + PERSON_GAP_M * forward, floor_m])
    yaw = np.unwrap(np.arctan2(-forward[:, 1], -forward[:, 0]))
    step = np.linalg.norm(np.diff(feet[:, :2], axis=0, prepend=feet[:1, :2]), axis=1)
    return Agent(number, 1.78, 11, stamps_s, feet, yaw, np.cumsum(step) * np.pi / 0.72)


def ticks_within(span_s: tuple[float, float]) -> F8:
    """Moments `TICK_S` apart from the first to the last second of a fault."""
    n = max(2, round((span_s[1] - span_s[0]) / TICK_S) + 1)
    return np.linspace(*span_s, n)
