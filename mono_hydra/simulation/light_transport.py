"""How light travels when it is baked: shadow rays to lamps and windows, gathered bounces.

Noise of the few rays is taken out by mixing neighbours on the surface: most where nearest things
are far, since light varies slowly there, and hardly at contacts, where its edges are seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mono_hydra.open3d_import import load_open3d
from mono_hydra.simulation import light_kernels
from mono_hydra.simulation.black_body import kelvin_rgb
from mono_hydra.simulation.house import House, Lamp
from mono_hydra.simulation.light_lattice import Lattice, neighbours
from mono_hydra.simulation.materials import Atlas
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.types import F4, F8, I4, I8, U1, Bool

SUN_OVER_SKY = 2.2  # irradiance over pi of the sun, in units of the sky's radiance
LIFT_M = 0.006  # rays start that far above the surface
FAR_M = 10.0
BOUNCE_SMOOTHING = 48  # steps of mixing with the neighbours, four to eight centimetres each
WINDOW_SMOOTHING = 10
BRIGHTEST_HIT = 10.0  # bounces from sun patches count up to that many times the house's mean light
BURIED_SHARE = 0.35  # of rays that meet back faces
RAY_CHUNK = 1_500_000
GLOW_REACH_M = 0.5  # glowing parts nearer than this to a lamp are its shade


@dataclass(frozen=True)
class LightOptions:
    """How finely light is baked."""

    cell_m: float = 0.08
    light_rays: int = 16  # per sample and light, a square number
    gather_rays: int = 64
    bounces: int = 2


class Casters:
    """Everything that stops light: all triangles but glass, glowing shades and the view outside."""

    def __init__(self, scene: HouseScene, atlas: Atlas) -> None:
        kinds = np.array([m.kind in {"glass", "emitter"} for m in scene.materials])
        near = near_lamp(scene)
        glowing = atlas.emission[scene.material] > 0.0
        self.triangle_ids = np.flatnonzero(~(kinds[scene.material] | (glowing & near)))
        o3d = load_open3d()
        self._tensor = o3d.core.Tensor
        self._scene = o3d.t.geometry.RaycastingScene(nthreads=2)
        self._scene.add_triangles(
            self._tensor(scene.vertices_m),
            self._tensor(scene.triangles[self.triangle_ids].astype(np.uint32)),
        )

    def blocked(self, rays: F4) -> U1:
        """(N,) 1 where something lies between parameter 0 and just before 1."""
        hit: Any = self._scene.test_occlusions(self._tensor(rays), tnear=0.0, tfar=0.999)
        return np.asarray(hit.numpy(), np.uint8)

    def first_hits(self, rays: F4) -> tuple[I8, F4, F4]:
        """House triangle (N,) met first, -1 for none, its weights (N, 2), distance (N,)."""
        hit = self._scene.cast_rays(self._tensor(rays))
        distance = hit["t_hit"].numpy()
        found = np.isfinite(distance)
        ids = np.where(found, hit["primitive_ids"].numpy(), 0)
        return np.where(found, self.triangle_ids[ids], -1), hit["primitive_uvs"].numpy(), distance


def near_lamp(scene: HouseScene) -> Any:
    """(T,) whether a triangle lies within a lamp's shade."""
    near = np.zeros(len(scene.triangles), bool)
    middle = scene.vertices_m[scene.triangles].mean(axis=1)
    for lamp in scene.house.lamps:
        distance = np.linalg.norm(middle - lamp.position_m, axis=1)
        near |= distance < lamp.radius_m + GLOW_REACH_M
    return near


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What the hemisphere of each sample meets, and which samples are neighbours."""

    found: I4  # (S * n_rays,) sample hit, -1 nothing, -2 a back face
    hits: I4  # (S * n_rays,) triangle hit
    buried: Bool  # (S,) inside something
    share: F4  # (S,) how much a sample mixes with its neighbours in one step
    low: I8  # (E,) pairs of neighbours
    high: I8  # (E,)

    def spread(self, values: F4, n_steps: int) -> F4:
        """Values (S, 3) with buried samples filled and noise mixed away."""
        result = _filled(values, self.buried, self.low, self.high)
        light_kernels.smooth(result, self.low, self.high, self.share, n_steps)
        return result


def light_of_samples(
    scene: HouseScene,
    lattice: Lattice,
    atlas: Atlas,
    lit: list[bool],
    sky: F8,
    sun: F8 | None,
    glow: F4,
    area_m2: F8,
    options: LightOptions,
) -> F4:
    """(S, 3) irradiance over pi at the samples: direct light and bounces.

    Args:
        scene: the house's triangles.
        lattice: its samples.
        atlas: mean reflectances.
        lit: which of the house's lamps are on.
        sky: (3,) radiance of the sky.
        sun: (3,) direction to the sun or None.
        glow: (T, 3) factor of its own colour that each triangle glows with.
        area_m2: (S,) surface of each sample.
        options: fineness.
    """
    casters = Casters(scene, atlas)
    around = _surroundings(scene, lattice, casters, options.gather_rays)
    direct = _lamp_light(lattice, casters, scene.house, lit, options.light_rays)
    direct = _filled(direct, around.buried, around.low, around.high)
    if sun is not None:
        patches = _sun_light(lattice, casters, scene.house, sky, sun, options.light_rays)
        direct += _filled(patches, around.buried, around.low, around.high)
    light_kernels.smooth(direct, around.low, around.high, np.float32(0.25) + 0.0 * around.share, 1)
    direct += around.spread(
        _window_light(lattice, casters, scene.house, sky, options.light_rays), WINDOW_SMOOTHING
    )
    albedo = np.ascontiguousarray(atlas.mean_albedo[scene.material])
    colour_glow = albedo * glow
    outside = np.array([m.kind == "outside" for m in scene.materials])
    albedo[outside[scene.material]] = 0.0  # light that leaves does not come back
    in_reveal = _behind_windows(lattice, scene.house)
    bounced, light = np.zeros_like(direct), direct
    for _ in range(options.bounces):
        mean = (light * area_m2[:, None]).sum() / (3.0 * area_m2.sum())
        source = np.minimum(light, np.float32(BRIGHTEST_HIT * mean))
        light_kernels.gather(
            options.gather_rays, around.found, around.hits, albedo, colour_glow, in_reveal, source,
            0.3 * sky, bounced,
        )  # fmt: skip
        bounced = around.spread(bounced, BOUNCE_SMOOTHING)
        light = direct + bounced
    return light


def _lamp_light(
    lattice: Lattice, casters: Casters, house: House, lit: list[bool], n_rays: int
) -> F4:
    """(S, 3) light straight from the lamps that are on."""
    light = np.zeros_like(lattice.points_m)
    for lamp, on in zip(house.lamps, lit, strict=True):
        if on:
            colour = lamp.power * kelvin_rgb(lamp.kelvin)
            _add_light(lattice, casters, _lamp_row(lamp), colour, n_rays, light)
    return light


def _window_light(lattice: Lattice, casters: Casters, house: House, sky: F8, n_rays: int) -> F4:
    """(S, 3) light straight from the sky and the ground outside."""
    light = np.zeros_like(lattice.points_m)
    for row in _window_rows(house, sky):
        _add_light(lattice, casters, row, sky, n_rays, light)
    return light


def _sun_light(
    lattice: Lattice, casters: Casters, house: House, sky: F8, sun: F8, n_rays: int
) -> F4:
    """(S, 3) patches of sun that fall through windows."""
    light = np.zeros_like(lattice.points_m)
    for row in _window_rows(house, sky):
        if float(row[6:9] @ sun) < -0.05:
            row[0], row[10:13] = 2.0, sun
            colour = SUN_OVER_SKY * float(sky.mean()) * kelvin_rgb(5200.0)
            _add_light(lattice, casters, row, colour, n_rays, light)
    return light


def _lamp_row(lamp: Lamp) -> F8:
    """A lamp as `light_kernels.light_rays` reads it."""
    row = np.zeros(13)
    row[1:4], row[4], row[9] = lamp.position_m, lamp.radius_m, lamp.power / np.pi
    return row


def _window_rows(house: House, sky: F8) -> list[F8]:
    """Windows as `light_kernels.light_rays` reads them."""
    rows = []
    for window in house.windows:
        row = np.zeros(13)
        row[0], row[1:4] = 1.0, window.center_m
        row[4], row[5], row[6:9] = window.width_m / 2, window.height_m / 2, window.inward
        row[9] = float(sky.mean()) * window.width_m * window.height_m / np.pi
        rows.append(row)
    return rows


def _add_light(
    lattice: Lattice, casters: Casters, row: F8, colour: F8, n_rays: int, light: F4
) -> None:
    samples = light_kernels.lit_samples(lattice.points_m, lattice.normals, row, 0.004)
    step = max(1, RAY_CHUNK // n_rays)
    for first in range(0, len(samples), step):
        part = samples[first : first + step]
        rays = np.empty((len(part) * n_rays, 6), np.float32)
        weights = np.empty(len(rays), np.float32)
        light_kernels.light_rays(
            part, lattice.points_m, lattice.normals, row, n_rays, LIFT_M, rays, weights
        )
        light_kernels.add_unblocked(part, n_rays, casters.blocked(rays), weights, colour, light)


def _surroundings(
    scene: HouseScene, lattice: Lattice, casters: Casters, n_rays: int
) -> Surroundings:
    found, hits, room_m = _hemispheres(scene, lattice, casters, n_rays)
    low, high = neighbours(lattice)
    return Surroundings(
        found=found,
        hits=hits,
        buried=(found == -2).reshape(-1, n_rays).mean(axis=1) > BURIED_SHARE,
        share=np.clip(room_m / 0.7, 0.08, 0.8).astype(np.float32),
        low=low,
        high=high,
    )


def _hemispheres(
    scene: HouseScene, lattice: Lattice, casters: Casters, n_rays: int
) -> tuple[I4, I4, F4]:
    """Sample and triangle that each ray meets; per sample the harmonic mean distance (S,)."""
    n = len(lattice.points_m)
    found, hits = np.empty(n * n_rays, np.int32), np.empty(n * n_rays, np.int32)
    room_m = np.empty(n, np.float32)
    step = max(1, RAY_CHUNK // n_rays)
    for first in range(0, n, step):
        last = min(n, first + step)
        rays = np.empty(((last - first) * n_rays, 6), np.float32)
        light_kernels.gather_rays(
            first, last, lattice.points_m, lattice.normals, n_rays, LIFT_M, rays
        )
        part = slice(first * n_rays, last * n_rays)
        hits[part], uv, distance = casters.first_hits(rays)
        nearness = 1.0 / (np.minimum(distance, FAR_M) + 0.02)
        room_m[first:last] = 1.0 / nearness.reshape(-1, n_rays).mean(axis=1)
        light_kernels.nearest_samples(
            hits[part],
            uv,
            rays,
            scene.normal,
            lattice.corner,
            lattice.cells,
            lattice.node_start,
            lattice.sample_of_node,
            found[part],
        )
    return found, hits, room_m


def _behind_windows(lattice: Lattice, house: House) -> U1:
    """(S,) 1 where the pane's own glow lights a sample: elsewhere the window counts as a light."""
    result = np.zeros(len(lattice.points_m), np.uint8)
    for window in house.windows:
        away = lattice.points_m - window.center_m
        reach = 0.5 * np.hypot(window.width_m, window.height_m) + 0.5
        result[(away @ window.inward < 0.03) & (np.linalg.norm(away, axis=1) < reach)] = 1
    return result


def _filled(values: F4, buried: Any, low: I8, high: I8) -> F4:
    """Values with buried samples taken from their neighbours, ring by ring."""
    result, known = values.copy(), ~buried
    for _ in range(24):
        weight = _neighbour_sum(known[:, None].astype(np.float64), low, high)[:, 0]
        new = ~known & (weight > 0.0)
        if not new.any():
            break
        total = _neighbour_sum(np.where(known[:, None], result, 0.0), low, high)
        result[new] = (total[new] / weight[new, None]).astype(np.float32)
        known |= new
    return result


def _neighbour_sum(values: Any, low: I8, high: I8) -> F8:
    n = len(values)
    columns = [
        np.bincount(low, values[high, c], n) + np.bincount(high, values[low, c], n)
        for c in range(values.shape[1])
    ]
    return np.stack(columns, axis=1)
