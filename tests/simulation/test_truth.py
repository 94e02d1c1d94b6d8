"""The truth folder says what is true, by independent recomputation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mono_hydra.files.ply import read_ply
from mono_hydra.files.trajectory import read_trajectory
from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import camera_from_fov, project
from mono_hydra.simulation.free_space import VOXEL_M, free_space
from mono_hydra.simulation.plain import plain_house
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.simulation.truth import sample_surface
from mono_hydra.simulation.truth_kernels import mark_free_rays, project_point
from mono_hydra.types import Camera

PARTS = (
    "meta.json", "trajectory.txt", "body.csv", "mesh.ply", "samples.npz", "objects.json",
    "visibility.npz", "rooms.json", "relations.json", "free_space.npz", "agents.csv", "events.json",
)  # fmt: skip


@pytest.fixture(scope="module")
def scene() -> HouseScene:
    return HouseScene(plain_house(1))


def load(path: Path) -> dict:
    return json.loads(path.read_text())


def test_every_part_is_there_and_named(tiny_sequence: Path) -> None:
    truth = tiny_sequence / "truth"
    for name in PARTS:
        assert (truth / name).is_file(), name
    meta = load(truth / "meta.json")
    assert meta["schema"] == "mono_hydra/truth/1"
    assert {Path(n).stem for n in PARTS} - {"meta"} <= set(meta["parts"])
    n = meta["summary"]["frames"]
    for folder in ("depth", "labels", "instances"):
        assert len(list((truth / folder).iterdir())) == n


def test_depth_pixels_lie_on_the_true_mesh(tiny_sequence: Path, scene: HouseScene) -> None:
    _, poses = read_trajectory(tiny_sequence / "truth" / "trajectory.txt")
    camera = camera_from_fov(160, 120, 70.0)
    depth = cv2.imread(str(tiny_sequence / "truth/depth/000020.png"), cv2.IMREAD_UNCHANGED) / 1000.0
    v, u = np.nonzero(depth)
    z = depth[v, u]
    points = np.stack([(u - camera.cx) / camera.fx * z, (v - camera.cy) / camera.fy * z, z], 1)
    off = scene.distance(se3.transform(poses[20], points))
    assert np.percentile(off, 99) < 0.002


def test_seen_counts_equal_a_naive_twin(tiny_sequence: Path) -> None:
    truth = tiny_sequence / "truth"
    _, poses = read_trajectory(truth / "trajectory.txt")
    camera = camera_from_fov(160, 120, 70.0)
    samples = np.load(truth / "samples.npz")
    some = np.arange(0, len(samples["points"]), 97)
    points = samples["points"][some].astype(np.float64)
    normals = samples["normals"][some].astype(np.float64)
    seen = np.zeros(len(some), int)
    for frame, T in enumerate(poses):
        depth = cv2.imread(str(truth / f"depth/{frame:06d}.png"), cv2.IMREAD_UNCHANGED) / 1000.0
        local = se3.transform(se3.inverse(T), points)
        way = T[:3, 3] - points
        facing = (way * normals).sum(1) / np.linalg.norm(way, axis=1)
        pixel = project(camera, local)
        with np.errstate(invalid="ignore"):
            column, row = np.round(pixel[:, 0]), np.round(pixel[:, 1])
            inside = (column >= 0) & (column < 160) & (row >= 0) & (row < 120)
        for k in np.flatnonzero(inside):
            z, d = local[k, 2], depth[int(row[k]), int(column[k])]
            if 0.3 <= z <= 5.0 and facing[k] > np.cos(np.deg2rad(80.0)):
                seen[k] += d > 0 and abs(z - d) <= 0.02 + 0.01 * z
    differing = (np.abs(seen - samples["seen"][some]) > 1).mean()
    assert differing < 0.01  # depth is rounded to millimetres on disk
    assert abs(seen.mean() - samples["seen"][some].mean()) < 0.05


def test_samples_cover_the_surface_evenly(scene: HouseScene) -> None:
    samples = sample_surface(scene)
    floor = samples.label == 2
    share = scene.area_m2[scene.label == 2].sum() / scene.area_m2.sum()
    assert floor.mean() == pytest.approx(share, rel=0.01)
    assert scene.distance(samples.points_m.astype(float)).max() < 1e-4


def test_visibility_counts_the_instance_pixels(tiny_sequence: Path) -> None:
    truth = tiny_sequence / "truth"
    table = np.load(truth / "visibility.npz")
    for frame in (0, 17):
        image = cv2.imread(str(truth / f"instances/{frame:06d}.png"), cv2.IMREAD_UNCHANGED)
        for column, number in enumerate(table["id"]):
            assert table["pixels"][frame, column] == (image == number).sum()


def test_observable_follows_from_the_published_tables(tiny_sequence: Path) -> None:
    truth = tiny_sequence / "truth"
    table, samples = np.load(truth / "visibility.npz"), np.load(truth / "samples.npz")
    stamps, _ = read_trajectory(truth / "trajectory.txt")
    wanted = 400 * 160 * 120 / (640 * 480)
    for thing in load(truth / "objects.json")["objects"]:
        column = list(table["id"]).index(thing["id"])
        good = (table["pixels"][:, column] >= wanted) & (table["min_z"][:, column] <= 4.5)
        span = stamps[good][-1] - stamps[good][0] if good.any() else 0.0
        surface = (samples["seen"][samples["instance"] == thing["id"]] >= 3).mean()
        assert thing["observable"] == (good.sum() >= 5 and span >= 0.5 and surface >= 0.15)
        assert thing["surface_seen"] == pytest.approx(surface, abs=1e-6)


def test_the_mesh_faces_free_space_and_keeps_labels(tiny_sequence: Path) -> None:
    mesh = read_ply(tiny_sequence / "truth" / "mesh.ply")
    assert set(mesh.face) == {"label", "instance", "room"}
    a, b, c = (mesh.vertices_m[mesh.faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    floor = mesh.face["label"] == 2
    assert (normal[floor, 2] > 0).all()
    assert (normal[mesh.face["label"] == 22, 2] < 0).all()


def test_free_space_of_a_room_is_its_volume_less_the_furniture(scene: HouseScene) -> None:
    space = free_space(scene, np.array([[1.5, 1.0, 1.5]]))
    volume = (space.room == 1).sum() * VOXEL_M**3
    bed_and_sofa = 1.4 * 2.0 * 0.48 + 1.7 * 0.84 * 0.4
    assert 50.0 - bed_and_sofa - 1.5 < volume < 50.0
    index = np.floor((np.array([1.5, 1.0, 1.25]) - space.origin_m) / VOXEL_M).astype(int)
    assert space.clearance_m[tuple(index)] == pytest.approx(1.0, abs=0.1)
    inside_bed = np.floor((np.array([0.85, 2.95, 0.15]) - space.origin_m) / VOXEL_M).astype(int)
    assert space.room[tuple(inside_bed)] == 0
    assert space.gvd.any()
    assert not space.gvd[~space.free].any()


def test_seen_free_voxels_are_crossed_by_a_ray_and_none_behind_the_wall() -> None:
    camera = Camera(40, 30, 30.0, 30.0, 19.5, 14.5)
    depth = np.full((30, 40), 2.0, np.float32)
    v, u = np.mgrid[:30, :40]
    rays = np.stack([(u - 19.5) / 30.0, (v - 14.5) / 30.0, np.ones_like(u, float)], axis=-1)
    seen = np.zeros((60, 60, 60), bool)
    origin = np.full(3, -3.0)
    mark_free_rays(depth, rays, np.eye(4), 1, 5.0, origin, 0.1, seen)
    naive = np.zeros_like(seen)
    for ray in rays.reshape(-1, 3):
        for t in np.linspace(0.0, 2.0, 401):
            naive[tuple(np.floor((ray * t - origin) / 0.1).astype(int))] = True
    assert not (naive & ~seen)[:, :, :49].any()
    assert (seen & ~naive).sum() < 0.06 * seen.sum()  # cells the twin steps over
    assert not seen[:, :, 51:].any()
    assert camera.width == 40


@pytest.mark.parametrize(
    "camera",
    [
        Camera(64, 48, 40.0, 41.0, 31.0, 24.0),
        Camera(64, 48, 40.0, 41.0, 31.0, 24.0, "radtan", (-0.2, 0.05, 0.001, -0.002, 0.01)),
        Camera(64, 48, 40.0, 41.0, 31.0, 24.0, "fisheye", (0.01, -0.02, 0.003, -0.001)),
    ],
    ids=["pinhole", "radtan", "fisheye"],
)
def test_the_kernel_projects_like_the_camera(camera: Camera) -> None:
    model = {"pinhole": 0, "radtan": 1, "fisheye": 2}[camera.model]
    distortion = np.zeros(5)
    distortion[: len(camera.distortion)] = camera.distortion
    point = np.array([0.3, -0.2, 1.5])
    got = project_point(*point, camera.vector(), model, distortion)
    np.testing.assert_allclose(got, project(camera, point), atol=1e-9)


def test_the_same_seed_gives_the_same_bytes(
    tiny_sequence: Path, tiny_options: Any, tmp_path: Path
) -> None:
    from mono_hydra.simulation.generate import simulate

    again = simulate(tiny_options, tmp_path / "tiny").path
    names = sorted(p.relative_to(again) for p in again.rglob("*") if p.is_file())
    assert names == sorted(
        p.relative_to(tiny_sequence) for p in tiny_sequence.rglob("*") if p.is_file()
    )
    for name in names:
        assert (again / name).read_bytes() == (tiny_sequence / name).read_bytes(), name
