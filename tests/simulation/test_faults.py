"""Each fault spoils what it names, when it says so, and nothing else."""

from __future__ import annotations

import csv
import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from mono_hydra.errors import SimulationError
from mono_hydra.geometry.camera import camera_from_fov
from mono_hydra.labels import load_label_space
from mono_hydra.simulation.camera_effects import CameraEffects
from mono_hydra.simulation.faults import (
    ELSEWHERE,
    FAULTS,
    check_fault,
    detour_of,
    light_factor,
    person_before,
    span_of,
    with_fault,
)
from mono_hydra.simulation.generate import simulate
from mono_hydra.simulation.options import STEADY_CAMERA, SimulateOptions
from mono_hydra.simulation.plain import plain_house
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.simulation.spoilt_files import hand_over_lens, spoil_files
from mono_hydra.simulation.walk import WalkOptions, plan_walk

CAMERA = camera_from_fov(160, 120, 70.0)
DURATION_S = 10.0


@pytest.fixture
def spoil(tiny_sequence: Path, tmp_path: Path):
    """Spoil a copy of the tiny sequence; gives its folder."""

    def spoilt(name: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(tiny_sequence, folder)
        span = span_of(name, DURATION_S, None)
        spoil_files(folder, name, span, np.random.default_rng(1))
        return folder

    return spoilt


def images(folder: Path) -> list[tuple[float, str]]:
    with (folder / "images.csv").open() as file:
        return [(float(r["stamp_s"]), r["file"]) for r in csv.DictReader(file)]


def imu(folder: Path) -> np.ndarray:
    return np.loadtxt(folder / "imu.csv", delimiter=",", skiprows=1)


def same_but(folder: Path, clean: Path, *changed: str) -> bool:
    names = [p.relative_to(clean) for p in clean.rglob("*") if p.is_file()]
    return all(
        (folder / n).read_bytes() == (clean / n).read_bytes()
        for n in names
        if str(n) not in changed
    )


def test_dropped_frames_are_a_fifth_after_the_onset(spoil, tiny_sequence: Path) -> None:
    folder = spoil("drop_frames")
    before, after = images(tiny_sequence), images(folder)
    assert set(after) < set(before)
    assert all(stamp >= 4.0 for stamp, _ in set(before) - set(after))
    assert 1 <= len(before) - len(after) <= 0.5 * len(before)
    assert same_but(folder, tiny_sequence, "images.csv")


def test_gaps_hold_nothing(spoil, tiny_sequence: Path) -> None:
    frames, samples = spoil("gap_frames"), spoil("gap_imu")
    stamps = np.array([s for s, _ in images(frames)])
    assert not ((stamps >= 4.0) & (stamps < 6.0)).any()
    assert len(imu(frames)) == len(imu(tiny_sequence))
    times = imu(samples)[:, 0]
    assert not ((times >= 4.0) & (times < 4.5)).any()
    assert len(imu(tiny_sequence)) - len(times) == 100
    assert images(samples) == images(tiny_sequence)


def test_disorder_swaps_one_image_and_doubles_another(spoil, tiny_sequence: Path) -> None:
    before, after = images(tiny_sequence), images(spoil("stamps_disorder"))
    stamps = [s for s, _ in after]
    assert len(after) == len(before) + 1
    assert sum(a == b for a, b in itertools.pairwise(stamps)) == 1
    assert sum(a > b for a, b in itertools.pairwise(stamps)) == 1


def test_corrupt_images_cannot_be_decoded(spoil, tiny_sequence: Path) -> None:
    folder = spoil("corrupt_image")
    bad = [f for s, f in images(folder) if cv2.imread(str(folder / f)) is None]
    assert len(bad) == 10
    assert same_but(folder, tiny_sequence, *bad)


def test_wrong_intrinsics_stand_in_the_card_alone(spoil, tiny_sequence: Path) -> None:
    folder = spoil("intrinsics")
    wrong, right = (
        yaml.safe_load((f / "sequence.yaml").read_text()) for f in (folder, tiny_sequence)
    )
    assert wrong["camera"]["fx"] == pytest.approx(1.02 * right["camera"]["fx"])
    wrong["camera"]["fx"] = right["camera"]["fx"]
    assert wrong == right
    assert same_but(folder, tiny_sequence, "sequence.yaml")


def test_late_images_and_noisy_or_spiky_samples(spoil, tiny_sequence: Path) -> None:
    clean = imu(tiny_sequence)
    np.testing.assert_allclose(imu(spoil("time_offset"))[:, 0], clean[:, 0] - 0.02, atol=1e-6)
    change = imu(spoil("imu_noise")) - clean
    late = clean[:, 0] >= 4.0
    assert not change[~late].any()
    sigma = 1.6e-4 * np.sqrt(200.0) * np.sqrt(24.0)
    assert change[late][:, 1:4].std() == pytest.approx(sigma, rel=0.1)
    spikes = np.abs(imu(spoil("imu_spikes")) - clean)[late][:, 4:].max(axis=1) > 20.0
    assert 0.02 < spikes.mean() < 0.09


@pytest.mark.parametrize(("name", "n"), [("empty", 0), ("one_frame", 1), ("two_frames", 2)])
def test_short_sequences_have_so_many_images(spoil, name: str, n: int) -> None:
    assert len(images(spoil(name))) == n


def test_light_fails_only_within_its_span() -> None:
    span = span_of("dark", 20.0, None)
    assert span == (8.0, 9.5)
    assert light_factor("dark", span, 0.1, 7.9) == 1.0 == light_factor("dark", span, 0.1, 9.5)
    effects = CameraEffects(CAMERA, STEADY_CAMERA, np.random.default_rng(0))
    linear = np.full((120, 160, 3), 0.2, np.float32)
    depth = np.ones((120, 160), np.float32)

    def mean(name: str) -> float:
        factor = light_factor(name, span, 0.1, 8.5)
        return float(effects.apply(linear, depth, 8.5, None, factor).mean())

    assert mean("dark") < 15.0
    assert mean("white") > 250.0
    steps = [light_factor("exposure_step", span, 0.1, 8.0 + 0.1 * k) for k in range(4)]
    np.testing.assert_allclose(steps, [4 ** (1 / 3), 4 ** (2 / 3), 4.0, 4.0])


def test_a_hand_covers_the_picture_and_goes_again() -> None:
    rgb = np.full((120, 160, 3), 200, np.uint8)
    assert (hand_over_lens(rgb, 3.9, (4.0, 7.0)) == rgb).all()
    assert (hand_over_lens(rgb, 7.0, (4.0, 7.0)) == rgb).all()
    assert (hand_over_lens(rgb, 5.5, (4.0, 7.0)) != rgb).any(axis=-1).mean() > 0.95


def test_turns_come_when_they_are_named() -> None:
    scene = HouseScene(plain_house(1))
    for name, rate in (("pure_rotation_start", 80.0), ("blur", 200.0)):
        options = WalkOptions(duration_s=20.0, still_s=0.0, detour=detour_of(name))
        walk = plan_walk(scene, CAMERA, options, np.random.default_rng(0))
        begin, end = span_of(name, walk.motion.duration_s, walk.detour_s)
        within = walk.motion.camera(np.arange(begin + 0.6, end - 0.6, 0.05))
        assert np.ptp(within.T_world[:, :3, 3], axis=0).max() < 0.15
        speed = np.rad2deg(np.linalg.norm(within.rate_rad_s, axis=1))
        assert np.median(speed) == pytest.approx(rate, rel=0.15)


def test_a_stare_shows_bare_wall_alone_and_the_walk_goes_on() -> None:
    scene = HouseScene(plain_house(1))
    plain = WalkOptions(duration_s=20.0)
    staring = replace(plain, detour=detour_of("blank_wall"))
    before = plan_walk(scene, CAMERA, plain, np.random.default_rng(0)).motion
    walk = plan_walk(scene, CAMERA, staring, np.random.default_rng(0))
    begin, end = span_of("blank_wall", walk.motion.duration_s, walk.detour_s)
    assert end - begin == pytest.approx(3.0)
    wall = load_label_space("nyu40").id_of("wall")
    for stamp_s in np.arange(begin + 0.3, end - 0.2, 0.5):
        T = walk.motion.camera(np.array([stamp_s])).T_world[0]
        view = scene.view(T, CAMERA)
        assert (view.labels == wall).all()
        assert np.abs(view.depth_m - 0.45).max() < 0.1
    dense = walk.motion.camera(np.arange(0.0, walk.motion.duration_s, 0.02))
    assert scene.distance(dense.T_world[:, :3, 3]).min() > 0.24
    assert np.linalg.norm(dense.acceleration_m_s2, axis=1).max() < 8.0
    late = before.duration_s - 1.0
    a = before.camera(np.array([late])).T_world[0]
    b = walk.motion.camera(np.array([late + walk.motion.duration_s - before.duration_s])).T_world[0]
    np.testing.assert_allclose(a, b, atol=1e-9)


def test_somebody_before_the_lens_faces_the_camera() -> None:
    T = np.tile(np.eye(4), (3, 1, 1))
    T[:, :3, :3] = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    T[:, 0, 3] = [0.0, 0.1, 0.2]
    agent = person_before(T, np.array([0.0, 0.1, 0.2]), 60_000, np.zeros(3))
    feet, yaw, _ = agent.at(0.1)
    np.testing.assert_allclose(feet, [0.78, 0.0, 0.0], atol=1e-9)
    assert abs(abs(yaw) - np.pi) < 1e-9
    assert agent.at(0.3) is None


def test_a_fault_is_written_to_the_events(tiny_options, tmp_path: Path) -> None:
    options = SimulateOptions(
        kind="plain", width=64, height=48, rate_hz=2.0, duration_s=8.0,
        light=tiny_options.light, fault="person",
    )  # fmt: skip
    folder = simulate(options, tmp_path / "person").path
    events = json.loads((folder / "truth/events.json").read_text())
    [event] = events
    assert (event["kind"], event["id"]) == ("fault", "person")
    files = sorted((folder / "truth/instances").iterdir())
    there = [(cv2.imread(str(f), -1) >= 60_000).mean() for f in files]
    stamps = np.arange(len(files)) / 2.0
    inside = (stamps >= event["t0"]) & (stamps <= event["t1"])
    assert (np.array(there)[inside] > 0.2).all()
    assert not np.array(there)[~inside].any()
    rows = (folder / "truth/agents.csv").read_text().splitlines()
    assert len(rows) == 1 + inside.sum()


def test_start_faults_change_the_rest_before_the_walk() -> None:
    assert with_fault(SimulateOptions(fault="static_start")).still_s == 10.0
    assert with_fault(SimulateOptions(fault="pure_rotation_start")).still_s == 0.0
    assert with_fault(SimulateOptions()).still_s == SimulateOptions().still_s


def test_other_faults_are_refused_with_a_reason() -> None:
    for name in ELSEWHERE:
        with pytest.raises(SimulationError, match=name):
            check_fault(name, is_replay=False)
    with pytest.raises(SimulationError, match="replayed"):
        check_fault("blur", is_replay=True)
    for name in FAULTS:
        check_fault(name, is_replay=False)
