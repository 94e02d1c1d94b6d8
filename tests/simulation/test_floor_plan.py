import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mono_hydra.simulation import outlines
from mono_hydra.simulation.floor_plan import CELL_M, draw_layout
from mono_hydra.simulation.openings import find_contacts

L_SHAPE = np.array([[0, 0], [4, 0], [4, 2], [2, 2], [2, 4], [0, 4]], float)


def test_tracing_returns_the_region_it_was_given():
    cells = np.zeros((8, 8), bool)
    cells[:8, :4] = cells[:4, 4:] = True
    outline = outlines.trace(cells, 0.5)
    assert outlines.area(outline) == pytest.approx(cells.sum() * 0.25)
    assert sorted(map(tuple, outline)) == sorted(map(tuple, L_SHAPE))


def test_a_region_with_a_hole_is_refused():
    cells = np.ones((5, 5), bool)
    cells[2, 2] = False
    with pytest.raises(ValueError, match="hole"):
        outlines.trace(cells, 0.1)


@given(st.floats(0.01, 0.4))
def test_insetting_moves_every_edge_by_the_distance(distance):
    inner = outlines.inset(L_SHAPE, distance)
    np.testing.assert_allclose(outlines.distance_to_edges(L_SHAPE, inner).min(), distance)
    np.testing.assert_allclose(outlines.inset(inner, -distance), L_SHAPE, atol=1e-9)


def test_triangles_cover_the_polygon_once():
    triangles = L_SHAPE[outlines.triangulate(L_SHAPE)]
    areas = [outlines.area(t) for t in triangles]
    assert min(areas) > 0
    assert sum(areas) == pytest.approx(outlines.area(L_SHAPE))


def test_a_cut_corner_takes_away_its_triangle():
    cut = outlines.cut_corner(L_SHAPE, 1, 0.5, 1.0)
    assert outlines.area(cut) == pytest.approx(outlines.area(L_SHAPE) - 0.25)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["flat", "office", "open_plan"]), st.integers(1, 40))
def test_layouts_have_the_rooms_asked_for_and_each_is_one_piece(seed, kind, n_rooms):
    (layout,) = draw_layout(np.random.default_rng(seed), kind, n_rooms)
    assert len(layout.names) == n_rooms
    assert set(np.unique(layout.cells)) - {0} == set(layout.names)
    if n_rooms > 4 and kind != "open_plan":
        assert "corridor" in layout.names.values()
    for room in layout.names:
        outlines.trace(layout.cells == room, CELL_M)


def test_contacts_measure_the_shared_border():
    cells = np.zeros((20, 10), np.int32)
    cells[:10], cells[10:, :6] = 1, 2
    shared = [c for c in find_contacts(cells) if c.rooms == (1, 2)]
    assert [c.length_m for c in shared] == [pytest.approx(0.6)]
    outside = sum(c.length_m for c in find_contacts(cells) if c.rooms == (2, 0))
    assert outside == pytest.approx(1.0 + 0.6 + 1.0)
