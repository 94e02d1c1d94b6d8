"""Which way is up in a recording's world: stated, given, or found from how the camera is held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mono_hydra.errors import DatasetError
from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import pixel_rays
from mono_hydra.sequences.base import Reference, Sequence
from mono_hydra.types import F8, Bool, Frame

N_VIEWS = 12
POINTS_PER_VIEW = 1500
N_HYPOTHESES = 300
PLANE_BAND_M = 0.03  # noise of a depth sensor at 2-3 m
BELOW_CAMERA_M = 0.3
MIN_SHARE = 0.08  # of all points, for a plane to count as a floor or a table
FROM_AXIS_DEG = 10.0
FROM_CAMERA_UP_DEG = 35.0
MUCH_LARGER = 1.5  # a plane off the axis must hold so many times the points
SAME_NORMAL = np.cos(
    np.deg2rad(20.0)
)  # local normals of a plane's points; 8 cm baselines are rough


@dataclass(frozen=True, eq=False)
class Up:
    """Where up is and how it was found."""

    up_world: F8  # (3,) unit vector in the recording's world
    R_zup_world: F8  # (3, 3) rotation into the map's world, z up
    source: Literal["stated", "floor", "axis"]


def parse_up(text: str) -> tuple[float, float, float]:
    """Unit vector of `x`, `-x`, `y` ... as `--up` takes them.

    Raises:
        DatasetError: for anything else.
    """
    axis = text.strip().lower().removeprefix("+")
    sign = -1.0 if axis.startswith("-") else 1.0
    axis = axis.removeprefix("-")
    if axis not in {"x", "y", "z"}:
        raise DatasetError(f"--up {text}: give x, y, z, -x, -y or -z")
    x, y, z = (sign if axis == name else 0.0 for name in "xyz")
    return x, y, z


def rotation_to_z(up_world: F8) -> F8:
    """(3, 3) smallest rotation that turns the unit vector `up_world` into z."""
    z = np.array([0.0, 0.0, 1.0])
    axis = np.cross(up_world, z)
    sine, cosine = float(np.linalg.norm(axis)), float(up_world @ z)
    if sine < 1e-12:
        return np.eye(3) if cosine > 0.0 else np.diag([1.0, -1.0, -1.0])
    return se3.exp_so3(axis / sine * np.arctan2(sine, cosine))


def find_up(sequence: Sequence, *, use_depth: bool = True) -> Up:
    """Up axis of a recording with poses.

    What the recording states (or `--up` gave) is taken. Else: the world axis nearest the mean
    camera-up, refined by the largest plane below the camera within 10 degrees of it; if there is no
    such plane, or one within 35 degrees of the mean camera-up holds half as many points again, that
    one (a world that begins at a tilted first camera lies off every axis); else the axis alone.

    Args:
        sequence: the recording.
        use_depth: whether the recording's depth may be read, a few views of it.

    Raises:
        DatasetError: if nothing is stated and there are no poses.
    """
    stated = sequence.info.up_world
    if stated is not None:
        return _up(np.array(stated), "stated")
    reference = sequence.reference()
    _, poses = reference.trajectory()
    poses = poses[np.isfinite(poses).all(axis=(1, 2))]
    camera_up = -poses[:, :3, 1].mean(axis=0)
    if np.linalg.norm(camera_up) < 0.1:
        raise DatasetError(f"{sequence.info.name}: no common up of its views; give --up x|y|z")
    camera_up /= np.linalg.norm(camera_up)
    axis = np.zeros(3)
    nearest = int(np.argmax(np.abs(camera_up)))
    axis[nearest] = np.sign(camera_up[nearest])
    if use_depth and sequence.info.has_depth:
        points, normals = _points_below(sequence, reference, camera_up)
        near_axis, axis_size = _largest_plane(points, normals, axis, FROM_AXIS_DEG)
        near_camera, camera_size = _largest_plane(points, normals, camera_up, FROM_CAMERA_UP_DEG)
        if max(axis_size, camera_size) > 0:
            clearly_larger = camera_size > MUCH_LARGER * axis_size
            return _up(near_camera if clearly_larger else near_axis, "floor")
    return _up(axis, "axis")


def _up(up_world: F8, source: Literal["stated", "floor", "axis"]) -> Up:
    up_world = up_world / np.linalg.norm(up_world)
    return Up(up_world, rotation_to_z(up_world), source)


def _views(sequence: Sequence, reference: Reference) -> Iterator[tuple[Frame, F8]]:
    """A few frames spread over the recording; depth is looked up by index and stamp alone."""
    stamps_s, poses = reference.trajectory()
    usable = np.flatnonzero(np.isfinite(poses).all(axis=(1, 2)))
    picked = usable[np.unique(np.linspace(0, len(usable) - 1, N_VIEWS).astype(int))]
    no_picture = np.zeros((0, 0, 3), np.uint8)
    for index in picked:
        frame = Frame(int(index), float(stamps_s[index]), no_picture, sequence.info.camera)
        yield frame, poses[index]


def _points_below(sequence: Sequence, reference: Reference, camera_up: F8) -> tuple[F8, F8]:
    """World points (N, 3) clearly below their camera, with local normals (N, 3) turned up."""
    rng = np.random.default_rng(0)
    points, normals = [np.empty((0, 3))], [np.empty((0, 3))]
    for frame, T_world_camera in _views(sequence, reference):
        depth = reference.depth(frame)
        if depth is None:
            continue
        cloud = pixel_rays(depth.camera) * depth.depth_m[..., None].astype(np.float64)
        step = max(4, depth.camera.width // 60)
        here = cloud[:-step, :-step].reshape(-1, 3)
        right = cloud[:-step, step:].reshape(-1, 3)
        down = cloud[step:, :-step].reshape(-1, 3)
        known = np.flatnonzero((here[:, 2] > 0) & (right[:, 2] > 0) & (down[:, 2] > 0))
        known = rng.permutation(known)[:POINTS_PER_VIEW]
        normal = np.cross(right[known] - here[known], down[known] - here[known])
        length = np.linalg.norm(normal, axis=1)
        known, normal = known[length > 1e-12], normal[length > 1e-12]
        normal = normal / np.linalg.norm(normal, axis=1)[:, None] @ T_world_camera[:3, :3].T
        normal *= np.sign(normal @ camera_up)[:, None]
        world = se3.transform(T_world_camera, here[known])
        below = (world - T_world_camera[:3, 3]) @ camera_up < -BELOW_CAMERA_M
        points.append(world[below])
        normals.append(normal[below])
    return np.concatenate(points), np.concatenate(normals)


def _largest_plane(points: F8, normals: F8, direction: F8, within_deg: float) -> tuple[F8, int]:
    """Normal of the plane with most points among those within an angle of `direction`.

    Returns the direction itself and size 0 where no plane holds enough points.
    """
    cosine = np.cos(np.deg2rad(within_deg))
    candidates = np.flatnonzero(normals @ direction > cosine)
    if len(points) < 200 or len(candidates) == 0:
        return direction, 0

    def held_by(centre: F8, normal: F8) -> Bool:
        near = np.abs((points - centre) @ normal) < PLANE_BAND_M
        return np.asarray(near & (normals @ normal > SAME_NORMAL))

    rng = np.random.default_rng(1)
    best = np.zeros(len(points), bool)
    for index in rng.permutation(candidates)[:N_HYPOTHESES]:
        inside = held_by(points[index], normals[index])
        if inside.sum() > best.sum():
            best = inside
    normal = direction
    for _ in range(5):  # least squares on what the plane holds, then hold again
        if best.sum() < max(50, MIN_SHARE * len(points)):
            return direction, 0
        centre = points[best].mean(axis=0)
        normal = np.linalg.eigh(np.cov((points[best] - centre).T))[1][:, 0]
        normal = normal * np.sign(normal @ direction)
        best = held_by(centre, normal)
    return (normal, int(best.sum())) if normal @ direction > cosine else (direction, 0)
