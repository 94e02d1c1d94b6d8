"""Pictures of a house: cast views shaded with textures, baked light and highlights.

    renderer = make_renderer(house, seed=7)
    rendered = renderer.render_view(T_world_camera, camera)

`Rendered.linear` is proportional to scene radiance; `rgb` is the same through the house's fixed
exposure and the tone curve. A moving camera's exposure, noise and lens belong to `camera_effects`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from mono_hydra.simulation import render_kernels
from mono_hydra.simulation.house import House
from mono_hydra.simulation.light import BakedLight, LightOptions, TimeOfDay, bake_light
from mono_hydra.simulation.materials import Atlas, build_atlas, to_linear
from mono_hydra.simulation.scene import HouseScene, View
from mono_hydra.simulation.tone import tone_curve
from mono_hydra.types import F4, F8, I4, I8, U1, Camera

N_THREADS = 2
# of the rays of a pixel at an outline: no two in one row or column
WITHIN_PX = np.array([[-0.125, -0.375], [0.375, -0.125], [0.125, 0.375], [-0.375, 0.125]])
DIFFUSE_SHARE = {"metal": 0.3, "outside": 0.0, "screen": 0.5}  # the rest mirrors or shines


@dataclass(frozen=True, eq=False)
class Rendered:
    """One view with its truth."""

    rgb: U1  # (H, W, 3) through fixed exposure, no noise
    linear: F4  # (H, W, 3) radiance, unexposed
    depth_m: F4  # (H, W), 0 = nothing
    labels: U1  # (H, W) NYU40 ids
    instances: Any  # (H, W) uint16
    rooms: U1  # (H, W)


class Renderer:
    """Shades views of one house."""

    def __init__(self, scene: HouseScene, atlas: Atlas, light: BakedLight) -> None:
        self.scene = scene
        self.atlas = atlas
        self.light = light
        self._table = _material_table(scene, atlas)
        self._density = _texture_density(scene)
        self._decode = to_linear(np.arange(256) / 255.0).astype(np.float32)
        self._curve = tone_curve()
        self._threads = ThreadPoolExecutor(N_THREADS)

    def render_view(self, T_world_camera: F8, camera: Camera) -> Rendered:
        """Cast and shade one view."""
        return self.render(self.scene.view(T_world_camera, camera), T_world_camera, camera)

    def render(self, view: View, T_world_camera: F8, camera: Camera) -> Rendered:
        """Shade a cast view."""
        linear = self.shade(view, T_world_camera, camera)
        return Rendered(
            rgb=self.develop(linear, self.light.exposure, self.light.white),
            linear=linear,
            depth_m=view.depth_m,
            labels=view.labels,
            instances=view.instances,
            rooms=view.rooms,
        )

    def shade(
        self, view: View, T_world_camera: F8, camera: Camera, *, smooth_edges: bool = True
    ) -> F4:
        """(H, W, 3) radiance of each pixel; with `smooth_edges` of its whole area at outlines.

        One ray a pixel turns a gap of a door into dashes that wander as the camera moves, and an
        edge into stairs, and both into corners that no thing has.
        """
        linear, surface = self._shade(view.triangle, view.bary, T_world_camera, camera)
        if not smooth_edges:
            return linear
        marks = np.zeros(surface.shape, np.uint8)
        render_kernels.mark_outlines(surface, view.depth_m, marks)
        pixels = np.flatnonzero(marks)
        if len(pixels):
            hits = self.scene.within_pixels(T_world_camera, camera, pixels, WITHIN_PX)
            parts, _ = self._shade(*hits, T_world_camera, camera)
            linear.reshape(-1, 3)[pixels] = parts.mean(axis=0)
        return linear

    def _shade(self, triangle: I8, bary: F4, T_world_camera: F8, camera: Camera) -> tuple[F4, I4]:
        """Radiance (H, W, 3) of hits, and a number (H, W) of the surface that each lies on."""
        linear = np.empty((*triangle.shape, 3), np.float32)
        surface = np.empty(triangle.shape, np.int32)
        scene, atlas, light = self.scene, self.atlas, self.light
        centre = np.ascontiguousarray(T_world_camera[:3, 3], np.float64)

        def rows(first: int, last: int) -> None:
            render_kernels.shade_rows(
                first, last, linear, surface, triangle, bary, scene.normal, scene.part,
                centre, 1.0 / camera.fx, scene.vertices_m, scene.triangles, scene.uv, self._density,
                scene.material, scene.room, atlas.texels, atlas.layer_start, atlas.layer_size,
                atlas.layer_of_material, self._table, self._decode, light.corner, light.cells,
                light.node_start, light.nodes, light.emission, light.lights, light.light_start,
                light.ambient,
            )  # fmt: skip

        self._by_rows(rows, linear.shape[0])
        return linear, surface

    def develop(self, linear: F4, exposure: float, white: F8 | None = None) -> U1:
        """(H, W, 3) display values of a linear picture.

        Args:
            linear: (H, W, 3) radiance.
            exposure: factor on radiance; mid grey lies at 0.2 after it.
            white: (3,) further gains of red, green, blue.
        """
        rgb = np.empty(linear.shape, np.uint8)
        gain = (exposure * (np.ones(3) if white is None else white)).astype(np.float32)

        def rows(first: int, last: int) -> None:
            render_kernels.develop_rows(first, last, linear, gain, self._curve, rgb)

        self._by_rows(rows, linear.shape[0])
        return rgb

    def _by_rows(self, work: Any, n_rows: int) -> None:
        """Run `work(first, last)` over all rows on the threads; rows are independent."""
        edges = np.linspace(0, n_rows, 2 * N_THREADS + 1).astype(int)
        list(self._threads.map(work, edges[:-1], edges[1:]))


def make_renderer(
    house: House,
    seed: int,
    *,
    options: LightOptions | None = None,
    time: TimeOfDay | None = None,
    scene: HouseScene | None = None,
) -> Renderer:
    """Everything needed to take pictures of a house: textures painted, light baked.

    Args:
        house: the house.
        seed: decides the time of day and which lamps are lit.
        options: fineness of the light.
        time: day, evening or night instead of the seed's choice.
        scene: the house's scene, if it exists already.
    """
    scene = scene or HouseScene(house)
    atlas = build_atlas(scene.materials)
    light = bake_light(scene, atlas, np.random.default_rng([seed, 4711]), options, time)
    return Renderer(scene, atlas, light)


def _material_table(scene: HouseScene, atlas: Atlas) -> F4:
    """(M, 12) rows as `render_kernels.shade_rows` reads them."""
    table = np.zeros((len(scene.materials), 12), np.float32)
    table[:, 0] = atlas.per_m
    table[:, 1] = atlas.is_rectangle
    table[:, 2:5] = atlas.colour
    table[:, 5:8] = atlas.colour2
    table[:, 8] = atlas.gloss
    table[:, 9] = [m.kind == "metal" for m in scene.materials]
    table[:, 10] = [DIFFUSE_SHARE.get(m.kind, 1.0) for m in scene.materials]
    return table


def _texture_density(scene: HouseScene) -> F4:
    """(T,) units of uv per metre of surface."""
    edge_a, edge_b = scene.uv[:, 1] - scene.uv[:, 0], scene.uv[:, 2] - scene.uv[:, 0]
    area = 0.5 * np.abs(edge_a[:, 0] * edge_b[:, 1] - edge_a[:, 1] * edge_b[:, 0])
    return np.asarray(np.sqrt(area / scene.area_m2), np.float32)
