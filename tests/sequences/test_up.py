"""Up is what is stated, what is given, or what the floor says."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import pixel_rays
from mono_hydra.sequences.open_sequence import open_sequence
from mono_hydra.sequences.up import find_up, parse_up, rotation_to_z
from mono_hydra.types import F8, Camera

from . import folders

CAMERA = Camera(64, 48, 60.0, 60.0, 31.5, 23.5)


@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1))
@settings(max_examples=50, deadline=None)
def test_rotation_turns_up_into_z(up: tuple[float, float, float]) -> None:
    unit = np.array(up) / np.linalg.norm(up)
    R = rotation_to_z(unit)
    np.testing.assert_allclose(R @ unit, [0, 0, 1], atol=1e-9)
    assert se3.is_rigid(se3.from_rt(R, np.zeros(3)), 1e-9)


@pytest.mark.parametrize("text", ["x", "-x", "y", "-y", "z", "-z", "+z", "Y"])
def test_given_axis_becomes_z(text: str, tmp_path: Path) -> None:
    sequence = open_sequence(folders.plain_folder(tmp_path / "room"), up=text)
    found = find_up(sequence)
    assert found.source == "stated"
    np.testing.assert_allclose(found.R_zup_world @ parse_up(text), [0, 0, 1], atol=1e-12)


def _room(root: Path, T_world_level: F8, pitch_deg: float = 25.0) -> Path:
    """A camera 1.4 m above a floor of 6 m before a wall; moved by T_world_level."""
    folders.plain_folder(root)
    pitch = se3.exp_so3(np.array([-np.deg2rad(pitch_deg), 0.0, 0.0]))
    rows = []
    for i in range(folders.N):
        T_level_camera = folders.pose(i)
        T_level_camera[:3, :3] = T_level_camera[:3, :3] @ pitch
        rays = pixel_rays(CAMERA) @ T_level_camera[:3, :3].T
        with np.errstate(divide="ignore"):
            floor = np.where(rays[..., 2] < 0, -1.4 / rays[..., 2], np.inf)
            wall = np.where(rays[..., 1] > 0, 6.0 / rays[..., 1], np.inf)
        depth_mm = np.round(1000 * np.minimum(floor, wall)).clip(0, 65534).astype(np.uint16)
        folders.write_picture(root / "depth" / f"{i:05d}.png", depth_mm)
        T = T_world_level @ T_level_camera
        rows.append(f"{i:05d} " + " ".join(str(v) for v in T.ravel()))
    (root / "poses.txt").write_text("\n".join(rows))
    return root


@pytest.mark.parametrize("tilt_deg", [0.0, 4.0, 8.0, 25.0])
@pytest.mark.parametrize("axis", [[0, 0, 1], [0, 1, 0], [0, -1, 0], [1, 0, 0]])
def test_floor_gives_up_in_any_world(tilt_deg: float, axis: list[float], tmp_path: Path) -> None:
    R = rotation_to_z(np.array(axis, dtype=float)).T
    R = R @ se3.exp_so3(np.deg2rad(tilt_deg) * np.array([0.8, 0.6, 0.0]))
    found = find_up(open_sequence(_room(tmp_path / "room", se3.from_rt(R, np.ones(3)))))
    assert found.source == "floor"
    # depth is stored in whole millimetres
    assert np.rad2deg(np.arccos(min(1.0, found.up_world @ R[:, 2]))) < 0.5


def test_without_depth_the_axis_nearest_to_camera_up(tmp_path: Path) -> None:
    R = rotation_to_z(np.array([0.0, 1.0, 0.0])).T
    sequence = open_sequence(_room(tmp_path / "room", se3.from_rt(R, np.zeros(3))))
    found = find_up(sequence, use_depth=False)
    assert found.source == "axis"
    np.testing.assert_allclose(found.up_world, [0, 1, 0])


def test_gravity_beside_a_folder_is_taken(tmp_path: Path) -> None:
    root = folders.plain_folder(tmp_path / "room")
    (root / "gravity-direction.txt").write_text("0 2 0")
    np.testing.assert_allclose(find_up(open_sequence(root)).up_world, [0, -1, 0])
