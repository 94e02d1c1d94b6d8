"""How wrong tracks are: where the front end follows a corner to, against where it truly went.

Walks through simulated flats with blur, rolling shutter, noise and JPEG. A track's first sight is
taken as it is, with its true depth; its place in each later image is known from the true poses.
What the gyroscope says of a rolling shutter is taken out. Errors are given by the age of the track:
white noise would not grow with it. How far the error moves between two sights (`moved_px`) tells
both parts: its square is 2 sigma^2 + slide^2 times the seconds between them.
"""

from __future__ import annotations

from collections.abc import Sequence as Rows
from dataclasses import replace

import numpy as np
from harness import BenchmarkRun, finish, limits, make_parser, run_benchmark, say, summary_of
from tracked_images import true_depth, walk

from mono_hydra.geometry import se3
from mono_hydra.geometry.depth_samples import depth_at
from mono_hydra.sequences.base import Sequence
from mono_hydra.sequences.open_sequence import open_sequence
from mono_hydra.tracking.front_end import FrontEnd, FrontEndOptions
from mono_hydra.tracking.inertial_filter import InertialFilter
from mono_hydra.tracking.rolling_shutter import at_the_stamp, row_delay_s
from mono_hydra.types import F8

AGES_S = (0.1, 0.2, 0.5, 1.0, 1.5, 2.0)
MAX_HIDDEN = 0.05  # (true depth where it is followed to) / (of the point) - 1: beyond, it is hidden
APART_S = (0.1, 0.2, 0.5, 1.0)
GROSS_PX = 5.0
NEAR_S = 0.05  # sights this near to an age count for it: images come at 10 Hz at least


def main(argv: Rows[str]) -> int:
    """Run and print one JSON object; exit 1 if a limit is not met."""
    parser = make_parser("track_errors", __doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each walk")
    args = parser.parse_args(list(argv))
    required = limits(args)
    runs = []
    for seed in args.seeds or [0]:
        scores = scores_of(*errors_of(open_sequence(walk(seed)), args.seconds))
        say(f"seed {seed}: {scores['track.sights']:.0f} sights")
        runs.append(BenchmarkRun(str(seed), scores, seed))
    return finish(summary_of("track_errors", vars(args), runs, required))


def errors_of(sequence: Sequence, seconds: float) -> tuple[F8, F8, F8]:
    """Track (N,), age in seconds (N,) and error in pixels (N, 2) of all sights after the first."""
    truth = true_depth(sequence, 640)
    stamps_s, poses = sequence.reference().trajectory()
    imu, T_body_camera = sequence.imu(), sequence.info.T_body_camera
    assert imu is not None
    assert T_body_camera is not None
    gyro, front_end = InertialFilter(T_body_camera), FrontEnd(FrontEndOptions())
    given = 0
    first: dict[int, tuple[float, F8]] = {}  # stamp and point in the world
    rows: list[tuple[float, ...]] = []
    last_s: float | None = None
    for frame in sequence.frames():
        if frame.stamp_s > stamps_s[0] + seconds:
            break
        until = int(np.searchsorted(imu.stamps_s, frame.stamp_s)) + 1
        part, given = slice(given, until), until
        gyro.propagate(imu.part(part), frame.stamp_s)
        R_old_new = None if last_s is None else gyro.rotation(last_s, frame.stamp_s)
        last_s = frame.stamp_s
        tracks = front_end.step(frame, R_old_new)
        if sequence.info.readout_s and len(tracks.ids):
            rate = gyro.steps(frame.stamp_s - 0.005, frame.stamp_s).gyro_rad_s.mean(axis=0)
            row_s = row_delay_s(
                front_end.pixels[:, 1], frame.camera.height, sequence.info.readout_s
            )
            turn = T_body_camera[:3, :3].T @ rate
            points = at_the_stamp(tracks.points, row_s, turn, np.zeros(3), 1.0)
            tracks = replace(tracks, points=points)
        T = poses[int(np.abs(stamps_s - frame.stamp_s).argmin())]
        prediction = truth.step(frame, T)
        if prediction is None:
            continue
        depth_m, _ = depth_at(prediction, tracks.points)
        rays = np.column_stack([tracks.points, np.ones(len(tracks.ids))])
        for n, track in enumerate(tracks.ids.tolist()):
            if track not in first:
                if np.isfinite(depth_m[n]):
                    point = se3.transform(T, (rays[n] * depth_m[n])[None])[0]
                    first[track] = (frame.stamp_s, point)
                continue
            born_s, point = first[track]
            x = se3.transform(se3.inverse(T), point[None])[0]
            if x[2] < 0.1 or not abs(depth_m[n] / x[2] - 1.0) < MAX_HIDDEN:
                continue
            error = frame.camera.fx * (tracks.points[n] - x[:2] / x[2])
            rows.append((track, frame.stamp_s - born_s, *error))
    table = np.array(rows).reshape(-1, 4)
    return table[:, 0], table[:, 1], table[:, 2:]


def scores_of(track: F8, age_s: F8, error_px: F8) -> dict[str, float]:
    """Root mean square by age, of one coordinate; gross errors are left out and counted."""
    gross = np.abs(error_px).max(axis=1) > GROSS_PX
    scores = {"track.sights": float(len(track)), "track.gross_share": float(gross.mean())}
    for age in AGES_S:
        kept = error_px[(np.abs(age_s - age) < NEAR_S) & ~gross]
        if len(kept):
            scores[f"track.rms_px.{age}s"] = float(np.sqrt(np.mean(kept**2)))
            scores[f"track.median_px.{age}s"] = float(np.median(np.abs(kept)))
    return scores | _persistence(track, age_s, error_px, gross)


def _persistence(track: F8, age_s: F8, error_px: F8, gross: F8) -> dict[str, float]:
    """Correlation of the errors of one track at two sights, by the time between them."""
    order = np.lexsort((age_s, track))
    track, age_s, error_px, gross = track[order], age_s[order], error_px[order], gross[order]
    scores = {}
    for apart in APART_S:
        products, squares, moves = [], [], []
        for k in range(1, 40):
            later, sooner = slice(k, None), slice(None, -k)
            pair = (track[later] == track[sooner]) & ~gross[later] & ~gross[sooner]
            pair &= np.abs(age_s[later] - age_s[sooner] - apart) < NEAR_S
            one, other = error_px[later][pair], error_px[sooner][pair]
            products.append((one * other).ravel())
            squares.append((0.5 * (one**2 + other**2)).ravel())
            moves.append((one - other).ravel())
        variance = np.concatenate(squares).sum()
        if variance > 0.0:
            scores[f"track.correlation.{apart}s"] = float(np.concatenate(products).sum() / variance)
            moved = np.concatenate(moves)
            scores[f"track.moved_px.{apart}s"] = float(np.sqrt(np.mean(moved**2)))
            usual = float(np.median(np.abs(moved)) / 0.6745)  # of a Gaussian of that median
            scores[f"track.moved_usual_px.{apart}s"] = usual
    return scores


if __name__ == "__main__":
    run_benchmark(main)
