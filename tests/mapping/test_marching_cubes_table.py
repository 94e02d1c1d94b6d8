import numpy as np

from mono_hydra.mapping.marching_cubes_table import EDGES, triangle_table

TABLE = triangle_table()


def triangles(case: int) -> list[tuple[int, int, int]]:
    edges = TABLE[case][TABLE[case] >= 0]
    return [tuple(edges[i : i + 3].tolist()) for i in range(0, len(edges), 3)]


def test_each_triangle_corner_lies_on_an_edge_that_changes_sign():
    for case in range(256):
        used = {e for t in triangles(case) for e in t}
        crossing = {e for e, (a, b) in enumerate(EDGES) if (case >> a & 1) != (case >> b & 1)}
        assert used == crossing


def test_inner_sides_occur_twice_in_opposite_directions():
    for case in range(256):
        sides = [s for a, b, c in triangles(case) for s in ((a, b), (b, c), (c, a))]
        assert len(set(sides)) == len(sides)
        for a, b in sides:
            if (
                b,
                a,
            ) not in sides:  # an outer side lies on a face of the cube, shared with a neighbour
                ends = [
                    np.array([[c & 1, c >> 1 & 1, c >> 2 & 1] for c in EDGES[e]]) for e in (a, b)
                ]
                corners = np.concatenate(ends)
                assert ((corners == corners[0]).all(axis=0)).any()


def test_fronts_face_the_positive_corners():
    single = triangles(1)  # corner 0 is inside: the front looks away from it
    corner = np.array(
        [np.array([[c & 1, c >> 1 & 1, c >> 2 & 1] for c in EDGES[e]]).mean(0) for e in single[0]]
    )
    normal = np.cross(corner[1] - corner[0], corner[2] - corner[0])
    assert normal.sum() > 0
