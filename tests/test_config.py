import pytest

from mono_hydra.config import Config, dump_config, known_keys, load_config, shipped_overlays
from mono_hydra.errors import ConfigError


def test_unknown_key_names_the_nearest_one():
    with pytest.raises(
        ConfigError, match=r"mapping.voxel_sise_m; did you mean mapping.voxel_size_m"
    ):
        load_config(settings=("mapping.voxel_sise_m=0.05",))


def test_exponents_without_a_dot_are_numbers():
    assert load_config(settings=("mapping.voxel_size_m=5e-2",)).mapping.voxel_size_m == 0.05


def test_the_bare_word_off_is_no_truth_value():
    assert load_config((), ("perception.align=off",)).perception.align == "off"
    for word in ("auto", "on", "off"):
        assert load_config((), (f"perception.mirror={word}",)).perception.mirror == word


def test_words_are_not_numbers():
    with pytest.raises(ConfigError, match=r"mapping.voxel_size_m"):
        load_config(settings=("mapping.voxel_size_m=five",))


def test_settings_win_over_files_and_later_files_over_earlier(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("mapping: {voxel_size_m: 0.03, image_width: 160}\n")
    second.write_text("mapping: {voxel_size_m: 0.06}\n")
    config = load_config((first, second), ("mapping.image_width=640",))
    assert (config.mapping.voxel_size_m, config.mapping.image_width) == (0.06, 640)


def test_what_is_dumped_loads_again(tmp_path):
    file = tmp_path / "config.yaml"
    config = load_config(settings=("rooms.max_door_width_m=1.2", "seed=7"))
    file.write_text(dump_config(config))
    assert load_config((file,)) == config


def test_shipped_overlays_load():
    assert shipped_overlays()
    for name in shipped_overlays():
        assert load_config((name,)) != Config()


@pytest.mark.parametrize("text", ["- a list\n", "mapping: [1\n", "mapping: 3\n"])
def test_files_that_are_no_configuration(tmp_path, text):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config((file,))
    assert len(str(caught.value).splitlines()) == 1


def test_units_stand_in_the_names_of_lengths():
    assert "mapping.voxel_size_m" in known_keys()
