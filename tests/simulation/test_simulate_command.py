"""The command's options reach the sequence, and wrong ones are refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mono_hydra.cli import simulate as command
from mono_hydra.errors import MonoHydraError


def options(*arguments: str):
    return command._options(command.parser().parse_args([*arguments, "--out", "x"]))


def test_without_options_a_flat_with_a_steady_pinhole_camera() -> None:
    plain = options()
    assert (plain.kind, plain.rate_hz, plain.fov_deg, plain.imu_device) == ("flat", 15, 70, "tumvi")
    assert plain.effects == command.STEADY_CAMERA
    assert plain.camera_model().model == "pinhole"
    assert (plain.people, plain.fault, plain.replay) == (0, None, None)


def test_camera_options_arrive() -> None:
    made = options(
        "--moving", "--distortion", "fisheye", "--fov", "120", "--jpeg", "60",
        "--noise", "2", "--exposure-lag", "0.1",
    )  # fmt: skip
    assert made.camera_model().model == "fisheye"
    assert made.jpeg_quality == 60
    assert made.effects.exposure_lag_s == 0.1
    assert made.effects.shot_noise == 2 * command.MOVING_CAMERA.shot_noise
    assert made.effects.readout_s > 0.0


def test_a_replay_has_its_own_rate_and_view(tmp_path: Path) -> None:
    for name in ("state_groundtruth_estimate0", "imu0"):
        (tmp_path / "mav0" / name).mkdir(parents=True)
        (tmp_path / "mav0" / name / "data.csv").write_text("")
    made = options("--trajectory", str(tmp_path), "--start", "5", "--duration", "20")
    assert (made.rate_hz, made.fov_deg, made.duration_s) == (20, 80, 20)
    assert made.replay is not None
    assert made.replay.start_s == 5
    assert made.replay.imu == tmp_path / "mav0" / "imu0" / "data.csv"


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["--fault", "stairs"], "not made yet"),
        (["--fault", "nonsense"], "drop_frames"),
        (["--people", "9"], "--people"),
        (["--jpeg", "5"], "--jpeg"),
        (["--imu", "phone"], "tumvi"),
        (["--start", "3"], "--trajectory"),
        (["--trajectory", "/no/such/file"], "no such"),
        (["--clean", "--moving"], "exclude"),
        (["--clean", "--noise", "2"], "--clean"),
        (["--distortion", "radtan", "--fov", "120"], "fisheye"),
    ],
)
def test_wrong_options_are_refused(arguments: list[str], match: str) -> None:
    with pytest.raises(MonoHydraError, match=match):
        options(*arguments)


def test_a_replay_builds_its_own_hall(tmp_path: Path) -> None:
    with pytest.raises(MonoHydraError, match="own hall"):
        options("--trajectory", str(tmp_path), "--kind", "office")
