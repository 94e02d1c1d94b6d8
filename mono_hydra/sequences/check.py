"""What a recording holds, what is missing, and what looks wrong: findings as plain lines."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mono_hydra.errors import DatasetError
from mono_hydra.geometry import se3
from mono_hydra.labels import load_label_space
from mono_hydra.sequences.base import Reference, Sequence
from mono_hydra.sequences.up import find_up
from mono_hydra.types import F4, F8, U1, Camera, Frame, ImuSamples

N_SHOWN = 12
GAP_FACTOR = 2.5  # a step longer than so many usual ones is a gap
MAX_SPEED_M_S = 3.0  # nobody carries a camera faster indoors


@dataclass(frozen=True, eq=False)
class View:
    """One frame as the contact sheet shows it."""

    frame: Frame
    depth_m: F4 | None
    labels: U1 | None


@dataclass
class Findings:
    """Lines to print, warnings first in importance, and the views to draw."""

    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    n_read: int = 0


def check_sequence(sequence: Sequence) -> Findings:
    """Read a recording through once.

    Raises:
        DatasetError: if not one frame can be read.
    """
    found = Findings()
    info = sequence.info
    found.lines.append(f"taken for:  {info.kind}  ({info.name})")
    found.lines.append(f"camera:     {_describe(info.camera)}")
    for note in getattr(sequence, "notes", ()):
        found.lines.append(f"note:       {note}")
    stamps_s = _read_frames(sequence, found)
    _check_times(getattr(sequence, "stamps_s", stamps_s), found)
    _check_poses(sequence, found)
    _check_depth(sequence, found)
    _check_labels(sequence, found)
    _check_imu(sequence.imu(), found)
    for reason, n in sorted(sequence.skipped.items()):
        found.warnings.append(f"{n} frames with {reason}")
    return found


def _describe(camera: Camera) -> str:
    fov_deg = np.rad2deg(2.0 * np.arctan(0.5 * camera.width / camera.fx))
    lens = "" if camera.model == "pinhole" else f", {camera.model} {camera.distortion}"
    return (
        f"{camera.width}x{camera.height}, f {camera.fx:.1f} {camera.fy:.1f} px, "
        f"c {camera.cx:.1f} {camera.cy:.1f} px, {fov_deg:.0f} deg wide{lens}"
    )


def _read_frames(sequence: Sequence, found: Findings) -> F8:
    """Read all frames; keep a few spread over the recording."""
    n_frames = sequence.info.n_frames or 0
    wanted = set(np.linspace(0, max(n_frames - 1, 0), N_SHOWN).astype(int).tolist())
    stamps_s = []
    reference = sequence.reference()
    for position, frame in enumerate(sequence.frames()):
        stamps_s.append(frame.stamp_s)
        if position in wanted or (n_frames == 0 and position < N_SHOWN):
            found.views.append(_view(sequence, reference, frame))
    found.n_read = len(stamps_s)
    return np.array(stamps_s)


def _view(sequence: Sequence, reference: Reference, frame: Frame) -> View:
    depth = reference.depth(frame) if sequence.info.has_depth else None
    labels = reference.labels(frame) if sequence.info.has_labels else None
    return View(frame, None if depth is None else depth.depth_m, labels)


def _check_times(stamps_s: F8, found: Findings) -> None:
    duration_s = float(stamps_s[-1] - stamps_s[0])
    steps = np.diff(stamps_s)
    if len(steps) == 0 or duration_s <= 0.0:
        found.lines.append(f"frames:     {len(stamps_s)}")
        return
    usual_s = float(np.median(steps))
    found.lines.append(
        f"frames:     {len(stamps_s)} over {duration_s:.1f} s, {1.0 / max(usual_s, 1e-9):.1f} Hz"
        f" ({found.n_read} readable)"
    )
    gaps = np.flatnonzero(steps > GAP_FACTOR * usual_s)
    if len(gaps):
        worst = gaps[np.argmax(steps[gaps])]
        found.warnings.append(
            f"{len(gaps)} time gaps, the longest {steps[worst]:.2f} s "
            f"at {stamps_s[worst] - stamps_s[0]:.1f} s"
        )
    if (steps <= 0.0).any():
        found.warnings.append(f"{int((steps <= 0.0).sum())} stamps do not rise")


def _check_poses(sequence: Sequence, found: Findings) -> None:
    if not sequence.info.has_poses:
        found.lines.append("poses:      none (they will be estimated; put poses.txt beside them)")
        return
    stamps_s, poses = sequence.reference().trajectory()
    good = np.isfinite(poses).all(axis=(1, 2))
    positions, times = poses[good, :3, 3], stamps_s[good]
    steps_m = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    found.lines.append(
        f"poses:      {int(good.sum())} of {len(poses)}, path {steps_m.sum():.1f} m, "
        f"extent {np.ptp(positions, axis=0).round(1).tolist()} m"
    )
    speed = steps_m / np.maximum(np.diff(times), 1e-9)
    if (speed > MAX_SPEED_M_S).any():
        found.warnings.append(
            f"{int((speed > MAX_SPEED_M_S).sum())} pose steps faster than {MAX_SPEED_M_S:g} m/s "
            f"(fastest {speed.max():.1f}): wrong stamps, lost tracking, or poses in another unit"
        )
    try:
        up = find_up(sequence)
    except DatasetError as error:
        found.warnings.append(str(error))
        return
    x, y, z = up.up_world
    found.lines.append(f"up:         ({x:.3f}, {y:.3f}, {z:.3f}) in its world, {_HOW[up.source]}")
    tilt_deg = np.rad2deg(np.arcsin(np.clip((poses[good, :3, 2] @ up.up_world).mean(), -1, 1)))
    heights = se3.transform(se3.from_rt(up.R_zup_world, np.zeros(3)), positions)[:, 2]
    found.lines.append(
        f"            camera looks {tilt_deg:+.0f} deg from level on average, "
        f"height varies by {np.ptp(heights):.2f} m"
    )


_HOW = {
    "stated": "stated",
    "floor": "found from the largest level plane",
    "axis": "the axis nearest to how the camera is held",
}


def _check_depth(sequence: Sequence, found: Findings) -> None:
    if not sequence.info.has_depth:
        found.lines.append("depth:      none (the network will predict it)")
        return
    depths = [view.depth_m for view in found.views if view.depth_m is not None]
    if not depths:
        found.warnings.append("no depth image among the frames looked at can be read")
        return
    values = np.concatenate([d[d > 0.0] for d in depths])
    known = len(values) / sum(d.size for d in depths)
    if len(values) == 0:
        found.warnings.append("depth images hold no readings; is the unit right?")
        return
    low, middle, high = np.percentile(values, [1, 50, 99])
    found.lines.append(
        f"depth:      {depths[0].shape[1]}x{depths[0].shape[0]}, {known:.0%} known, "
        f"{low:.2f} to {high:.2f} m, median {middle:.2f} m"
    )
    if not 0.3 < middle < 15.0:
        found.warnings.append(
            f"median depth {middle:.3g} m is not a room; "
            "state depth_units_per_metre in calibration.yaml"
        )


def _check_labels(sequence: Sequence, found: Findings) -> None:
    if not sequence.info.has_labels:
        found.lines.append("labels:     none (the network will predict them)")
        return
    images = [view.labels for view in found.views if view.labels is not None]
    space = load_label_space(sequence.info.label_space)
    counts = sum((np.bincount(i.ravel(), minlength=256) for i in images), np.zeros(256, np.int64))
    known = {label.id for label in space.labels}
    seen = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i] and i in known and i]
    names = ", ".join(space.name_of(i) for i in seen[:8])
    found.lines.append(f"labels:     {space.name}, {len(seen)} classes seen: {names}")
    strange = [int(i) for i in np.flatnonzero(counts) if i not in known and i != 255]
    if strange:
        found.warnings.append(f"label ids {strange[:8]} are not in label space {space.name}")


def _check_imu(imu: ImuSamples | None, found: Findings) -> None:
    if imu is None:
        found.lines.append("IMU:        none")
        return
    steps = np.diff(imu.stamps_s)
    size = np.linalg.norm(imu.accel_m_s2, axis=1)
    n_still = max(1, len(size) // 10)
    calm = np.argsort(np.linalg.norm(imu.gyro_rad_s, axis=1), kind="stable")[:n_still]
    up_body = imu.accel_m_s2[calm].mean(axis=0)
    up_body = up_body / max(float(np.linalg.norm(up_body)), 1e-9)
    found.lines.append(
        f"IMU:        {len(size)} samples, {1.0 / np.median(steps):.0f} Hz, longest gap "
        f"{steps.max() * 1e3:.0f} ms, median |a| {np.median(size):.2f} m/s^2, "
        f"turns up to {np.linalg.norm(imu.gyro_rad_s, axis=1).max():.1f} rad/s"
    )
    x, y, z = up_body
    found.lines.append(
        f"            up in the body while calm ({x:+.2f}, {y:+.2f}, {z:+.2f}), in SI units"
    )
    if not 9.0 < float(np.median(size)) < 10.6:
        found.warnings.append(f"median |a| {np.median(size):.2f} m/s^2 is not gravity")
    if steps.max() > 0.1:
        found.warnings.append(f"IMU gap of {steps.max():.2f} s")
