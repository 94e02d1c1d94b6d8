import numpy as np
import pytest

from mono_hydra.simulation import render_kernels
from mono_hydra.simulation.light import LightOptions
from mono_hydra.simulation.plain import plain_house
from mono_hydra.simulation.render import make_renderer
from mono_hydra.types import Camera

pytestmark = pytest.mark.open3d
CAMERA = Camera(80, 60, 60.0, 60.0, 39.5, 29.5)
FAST = LightOptions(cell_m=0.3, light_rays=4, gather_rays=8)


def pose():
    forward = np.array([0.75, -0.6, -0.28])
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    T = np.eye(4)
    T[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    T[:3, 3] = (0.4, 3.6, 1.5)
    return T


@pytest.fixture(scope="module")
def renderer():
    return make_renderer(plain_house(), 1, options=FAST, time="day")


def test_truth_images_are_the_scene_s_own(renderer):
    seen, view = renderer.render_view(pose(), CAMERA), renderer.scene.view(pose(), CAMERA)
    assert np.array_equal(seen.depth_m, view.depth_m)
    assert np.array_equal(seen.labels, view.labels)
    assert np.array_equal(seen.instances, view.instances)
    assert np.array_equal(seen.rooms, view.rooms)


def test_same_seed_gives_the_same_bytes(renderer):
    again = make_renderer(plain_house(), 1, options=FAST, time="day")
    first, second = (r.render_view(pose(), CAMERA).rgb for r in (renderer, again))
    assert first.tobytes() == second.tobytes()


def test_a_picture_holds_light_texture_and_colour(renderer):
    rgb = renderer.render_view(pose(), CAMERA).rgb.astype(float)
    assert 40 < rgb.mean() < 200
    assert rgb.std() > 25
    assert np.abs(rgb[..., 0] - rgb[..., 2]).mean() > 4


def test_twice_the_exposure_is_brighter_everywhere(renderer):
    linear = renderer.render_view(pose(), CAMERA).linear
    dim, bright = renderer.develop(linear, 1.0), renderer.develop(linear, 2.0)
    assert (bright >= dim).all()
    assert bright.mean() > dim.mean() + 10


def naive_texel(texels, start, size, u, v, channel):
    x, y = u * size - 0.5, v * size - 0.5
    i, j = int(np.floor(x)), int(np.floor(y))
    total = 0.0
    for dj in (0, 1):
        for di in (0, 1):
            weight = (1 - abs(x - i - di)) * (1 - abs(y - j - dj))
            texel = texels[start + (j + dj) % size * size + (i + di) % size, channel]
            total += weight * texel
    return total


def naive_texture(texels, start, size, u, v, footprint, channel):
    while footprint >= 2.0 and size > 1:
        start, size, footprint = start + size * size, size // 2, footprint / 2
    value, share = naive_texel(texels, start, size, u, v, channel), footprint - 1.0
    if share > 0.05 and size > 1:
        coarser = naive_texel(texels, start + size * size, size // 2, u, v, channel)
        value += share * (coarser - value)
    return value


def test_texture_lookup_equals_its_naive_twin():
    rng = np.random.default_rng(0)
    texels = rng.integers(0, 256, (16 * 16 + 64 + 16 + 4 + 1, 4)).astype(np.uint8)
    for _ in range(200):
        u, v = rng.uniform(-3, 3, 2).astype(np.float32)
        footprint = np.float32(rng.uniform(0.1, 60.0))
        fast = render_kernels.sample_texture(texels, 0, 16, u, v, footprint)
        slow = [
            naive_texture(texels, 0, 16, float(u), float(v), float(footprint), c) for c in range(3)
        ]
        assert np.allclose(fast, slow, atol=0.02)  # float32 at texel borders


def naive_shade(renderer, view, y, x):
    """Diffuse radiance of one matt pixel, straight from the definitions."""
    scene, atlas, light = renderer.scene, renderer.atlas, renderer.light
    t = int(view.triangle[y, x])
    weights = np.array([1 - view.bary[y, x].sum(), *view.bary[y, x]], np.float64)
    m = scene.material[t]
    colour = atlas.colour[m].astype(float)
    layer = atlas.layer_of_material[m]
    point = weights @ scene.vertices_m[scene.triangles[t]]
    way = point - pose()[:3, 3]
    cosine = abs(way @ scene.normal[t]) / np.linalg.norm(way)
    u, v = weights @ scene.uv[t]
    size, start = int(atlas.layer_size[layer]), int(atlas.layer_start[layer])
    per_m = float(atlas.per_m[m])
    texels_per_m = float(renderer._density[t]) * per_m * size
    footprint = np.linalg.norm(way) / CAMERA.fx * texels_per_m / np.sqrt(max(cosine, 0.02))
    brightness, share = (
        naive_texture(atlas.texels, start, size, u * per_m, v * per_m, footprint, c) for c in (0, 1)
    )
    albedo = brightness / 128 * (colour + (atlas.colour2[m] - colour) * share / 255)
    turned = np.roll(weights, -int(light.corner[t]))
    n_a, n_b = light.cells[t]
    a, b = turned[1] * n_a, turned[2] * n_b
    i, j = min(int(a), n_a - 1), min(int(b), n_b - 1)
    received = np.zeros(3)
    for dj in (0, 1):
        for di in (0, 1):
            weight = (1 - abs(a - i - di)) * (1 - abs(b - j - dj))
            received += weight * light.nodes[light.node_start[t] + (j + dj) * (n_a + 1) + i + di]
    return albedo * received


def test_shading_of_matt_pixels_equals_its_naive_twin(renderer):
    view = renderer.scene.view(pose(), CAMERA)
    raw = renderer.shade(view, pose(), CAMERA, smooth_edges=False)
    n_checked = 0
    for y in range(2, 60, 5):
        for x in range(2, 80, 5):
            m = renderer.scene.material[view.triangle[y, x]]
            if renderer.atlas.is_rectangle[m] or renderer.atlas.gloss[m] > 0.02:
                continue
            assert np.allclose(raw[y, x], naive_shade(renderer, view, y, x), rtol=0.02, atol=1e-4)
            n_checked += 1
    assert n_checked > 80


def test_pixels_at_outlines_show_their_whole_area(renderer):
    view = renderer.scene.view(pose(), CAMERA)
    raw = renderer.shade(view, pose(), CAMERA, smooth_edges=False)
    smooth = renderer.shade(view, pose(), CAMERA)
    changed = (raw != smooth).any(axis=2)
    assert 0.01 < changed.mean() < 0.5
    n = 8
    middle = 0.5 * (n - 1)
    fine = Camera(
        n * CAMERA.width, n * CAMERA.height, n * CAMERA.fx, n * CAMERA.fy, n * CAMERA.cx + middle,
        n * CAMERA.cy + middle,
    )  # fmt: skip
    many = renderer.shade(renderer.scene.view(pose(), fine), pose(), fine, smooth_edges=False)
    whole = many.reshape(CAMERA.height, n, CAMERA.width, n, 3).mean(axis=(1, 3))
    errors = [np.abs(picture - whole)[changed].mean() for picture in (raw, smooth)]
    assert errors[1] < 0.65 * errors[0]


def test_marks_are_where_pixels_may_hold_two_surfaces():
    surface, depth, marks = (np.zeros((20, 40), t) for t in (np.int32, np.float32, np.uint8))
    depth[:] = 1.0
    render_kernels.mark_outlines(surface, depth, marks)
    assert not marks.any()
    surface[:, 30:] = 7
    depth[15:] = 2.0
    surface[5, 10] = 3  # what of a thin thing one pixel happens to meet
    render_kernels.mark_outlines(surface, depth, marks)
    wanted = np.zeros((20, 40), bool)
    wanted[:, 29:31] = wanted[14:16] = wanted[2:9, 7:14] = True
    assert np.array_equal(marks == 1, wanted)
