"""Simulated flights fed to the filter, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mono_hydra.simulation.imu import DEVICES
from mono_hydra.simulation.motion import KNOT_S, Motion
from mono_hydra.simulation.tracks import FlightTracks, made_path, simulate_flight
from mono_hydra.tracking.filter_options import FilterOptions
from mono_hydra.tracking.imu import ImuModel
from mono_hydra.tracking.inertial_filter import InertialEstimate, InertialFilter
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.types import ImuSamples

OPTIONS = FilterOptions(imu=ImuModel(DEVICES["euroc"]), few_tracks=20, slide_px=0.5)


def flight(
    seed: int, seconds: float, *, depth: bool = False, rest_s: float = 0.0, n_tracks: int = 60
) -> FlightTracks:
    """A made path with the data-sheet noise of EuRoC, after `rest_s` of additional rest."""
    rng = np.random.default_rng(seed)
    motion = made_path(seconds, rng)
    still = np.tile(motion.control[0], (round(rest_s / KNOT_S), 1))
    motion = Motion(np.concatenate([still, motion.control]))
    return simulate_flight(
        motion, DEVICES["euroc"], rng, predicted_depth=depth, n_tracks=n_tracks, frame_hz=20.0
    )


def steps(
    made: FlightTracks, ahead_s: float = 0.0
) -> Iterator[tuple[int, float, ImuSamples, FeatureTracks]]:
    """Index, stamp, the samples since the last frame up to `ahead_s` after this one, tracks."""
    given = 0
    imu = made.imu
    for k, (stamp_s, seen) in enumerate(zip(made.stamps_s, made.frames, strict=True)):
        until = int(np.searchsorted(imu.stamps_s, stamp_s + ahead_s, side="right"))
        part = slice(given, until)
        given = until
        yield (
            k,
            float(stamp_s),
            imu.part(part),
            FeatureTracks(*seen),
        )


def estimates(
    tracker: InertialFilter, made: FlightTracks, ahead_s: float = 0.0
) -> list[InertialEstimate]:
    """What the filter says of a flight, frame by frame from its start on."""
    out = []
    for _, stamp_s, samples, tracks in steps(made, ahead_s):
        tracker.propagate(samples, stamp_s)
        tracker.add_frame(stamp_s, tracks)
        estimate = tracker.estimate()
        if estimate is not None:
            out.append(estimate)
    return out


def feed(tracker: InertialFilter, made: FlightTracks, first: int = 0, last: int = 10**9) -> None:
    """Frames `first` to `last - 1` of a flight."""
    for k, stamp_s, samples, tracks in steps(made):
        if first <= k < last:
            tracker.propagate(samples, stamp_s)
            tracker.add_frame(stamp_s, tracks)
