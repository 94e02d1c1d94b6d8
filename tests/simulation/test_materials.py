import numpy as np
import pytest

from mono_hydra.errors import SimulationError
from mono_hydra.simulation.house import Material
from mono_hydra.simulation.materials import KINDS, MAX_ALBEDO, build_atlas
from mono_hydra.simulation.picture_textures import PICTURES, draw
from mono_hydra.simulation.surface_textures import PATTERNS


def tile(kind, n=128, seed=3):
    return PATTERNS[kind](np.random.default_rng(seed), n, 1.0)


@pytest.mark.parametrize("kind", sorted(PATTERNS))
def test_a_pattern_keeps_its_material_s_brightness(kind):
    brightness, share = tile(kind)
    assert 0.85 < brightness.mean() < 1.1
    assert share.min() >= 0.0
    assert share.max() <= 1.0


@pytest.mark.parametrize("kind", sorted(PATTERNS))
def test_a_pattern_repeats_without_a_seam(kind):
    brightness, _ = tile(kind)
    inside = np.abs(np.diff(brightness, axis=1)).mean(axis=0)
    seam = np.abs(brightness[:, 0] - brightness[:, -1]).mean()
    assert seam <= inside.max() * 1.5 + 1e-6


@pytest.mark.parametrize("kind", sorted(PICTURES))
def test_a_picture_is_not_empty_and_depends_on_its_seed(kind):
    def paint(seed):
        return draw(kind, np.random.default_rng(seed), (0.6, 0.55, 0.5), None)

    assert paint(1).shape == (256, 256, 3)
    assert paint(1).std() > 0.01
    assert np.array_equal(paint(1), paint(1))
    assert not np.array_equal(paint(1), paint(2))


def test_every_kind_can_be_painted_and_reflects_less_than_it_receives():
    atlas = build_atlas(tuple(Material(kind, (0.95, 0.95, 0.95)) for kind in KINDS))
    assert (atlas.mean_albedo > 0.0).all()
    assert (atlas.mean_albedo <= MAX_ALBEDO * 1.05).all()


def test_equal_patterns_of_other_colours_share_one_texture():
    red, blue = Material("fabric", (0.6, 0.1, 0.1)), Material("fabric", (0.1, 0.1, 0.6))
    atlas = build_atlas((red, blue))
    assert atlas.layer_of_material[0] == atlas.layer_of_material[1]
    assert len(atlas.layer_start) == 1


def test_thousand_seeds_do_not_make_thousand_textures():
    materials = tuple(Material("fabric", (0.5, 0.5, 0.5), seed=seed) for seed in range(1000))
    assert build_atlas(materials).texels.nbytes < 8e6


def test_mip_levels_keep_the_mean_colour():
    atlas = build_atlas((Material("paper", (0.9, 0.9, 0.85)),))
    n = int(atlas.layer_size[0])
    finest, coarsest = atlas.texels[: n * n], atlas.texels[-1]
    assert np.allclose(finest.mean(axis=0), coarsest, atol=3.0)


def test_an_unknown_kind_is_refused_by_name():
    with pytest.raises(SimulationError, match="velvet"):
        build_atlas((Material("velvet", (0.5, 0.5, 0.5)),))
