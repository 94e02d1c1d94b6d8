from __future__ import annotations

import pytest

from mono_hydra.errors import DatasetError
from mono_hydra.files.imu_card import imu_card_of, read_imu_card
from mono_hydra.types import ImuCard

OURS = {"gyro_noise": 1e-4, "gyro_walk": 2e-5, "accel_noise": 2e-3, "accel_walk": 3e-3}


def test_our_names_and_kalibrs_say_the_same(tmp_path):
    path = tmp_path / "sensor.yaml"
    path.write_text(
        "%YAML:1.0\nrate_hz: 200\ngyroscope_noise_density: 1.0e-4\ngyroscope_random_walk: 2e-5\n"
        "accelerometer_noise_density: 2e-3\naccelerometer_random_walk: 3e-3\n"
    )
    assert read_imu_card(path) == imu_card_of(OURS) == ImuCard(1e-4, 2e-5, 2e-3, 3e-3)


def test_a_card_may_say_how_much_larger_errors_in_use_are():
    assert imu_card_of(OURS).noise_factor is None
    assert imu_card_of({**OURS, "noise_factor": 1}).noise_factor == 1.0


@pytest.mark.parametrize(
    "change",
    [
        {"gyro_noise": None}, {"accel_walk": "much"}, {"rate_hz": 0}, {"gyro_walk": -1.0},
        {"noise_factor": 0}, {"noise_factor": "much"},
    ],
)  # fmt: skip
def test_a_card_that_says_nothing_usable_is_none(change):
    assert imu_card_of({**OURS, **change}) is None


def test_no_card(tmp_path):
    assert imu_card_of(None) is None
    assert read_imu_card(tmp_path / "sensor.yaml") is None
    (tmp_path / "sensor.yaml").write_text("a: [1")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_imu_card(tmp_path / "sensor.yaml")


def test_kalibrs_files_name_the_imu_first() -> None:
    densities = {
        "gyroscope_noise_density": 1e-4, "gyroscope_random_walk": 2e-5,
        "accelerometer_noise_density": 3e-3, "accelerometer_random_walk": 4e-4, "update_rate": 200,
    }  # fmt: skip
    assert imu_card_of({"imu0": densities}) == imu_card_of(densities)
