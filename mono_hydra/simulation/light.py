"""Light of a house, baked once: lamps and windows with soft shadows, two bounces, an ambient floor.

All light is stored as irradiance over pi (times reflectance = radiance) at the samples of a
lattice on the surfaces. Windows are area lights with a sky above and a darker ground below; lamps
are spheres. Bounced light is gathered over the hemisphere of every sample and smoothed over
neighbours on the surface, direct light keeps its edges. Samples inside furniture see back faces;
they take the light of their neighbours, so that no dark rim creeps out from under things.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mono_hydra.open3d_import import load_open3d
from mono_hydra.simulation import light_kernels
from mono_hydra.simulation.house import House, Lamp
from mono_hydra.simulation.light_lattice import (
    Lattice,
    area_of_samples,
    build_lattice,
    neighbours,
    node_values,
)
from mono_hydra.simulation.materials import Atlas
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.types import F4, F8, I4, I8, U1, Bool

TimeOfDay = Literal["day", "evening", "night"]
TIMES: tuple[TimeOfDay, ...] = ("day", "evening", "night")
TIME_SHARES = (0.5, 0.25, 0.25)
LAMP_ON_SHARE = {"day": 0.45, "evening": 0.9, "night": 0.95}
WINDOW_RADIANCE = {"day": 5.0, "evening": 1.0, "night": 0.04}  # lamps have intensity `power`
OUTSIDE_SHOWN = {"day": 4.0, "evening": 1.0, "night": 0.03}  # on a scale where mid grey is 0.2
WHITE_BALANCE = 0.7
SKY_KELVIN = {"day": 6800.0, "evening": 8200.0, "night": 6500.0}
SUNNY_SHARE = 0.55  # of the days
SUN_OVER_SKY = 2.2  # irradiance over pi of the sun, in units of the sky's radiance
LIFT_M = 0.006  # rays start that far above the surface
AMBIENT_SHARE = 0.03  # of the house's mean light: nothing is pitch black
FAR_M = 10.0
SMOOTHING_STEPS = 14
RAY_CHUNK = 1_500_000
GLOW_REACH_M = 0.5  # glowing parts nearer than this to a lamp are its shade


@dataclass(frozen=True)
class LightOptions:
    """How finely light is baked."""

    cell_m: float = 0.08
    light_rays: int = 16  # per sample and light, a square number
    gather_rays: int = 64
    bounces: int = 2


@dataclass(frozen=True, eq=False)
class BakedLight:
    """What the renderer reads."""

    time: TimeOfDay
    corner: U1  # (T,)
    cells: I4  # (T, 2)
    node_start: I8  # (T,)
    nodes: F4  # (N, 3) irradiance over pi
    emission: F4  # (T, 3) factor of the surface's own colour that it glows with
    lights: F4  # (K, 12) highlights, rows as `render_kernels` says, sorted by room
    light_start: I4  # (R + 2,) first light of each room id
    ambient: F4  # (R + 1, 3) mean radiance by room id
    exposure: float  # brings the house's median radiance to a mid grey
    white: F8  # (3,) gains that take most of the house's cast away


def kelvin_rgb(kelvin: float) -> F8:
    """(3,) linear colour of a black body relative to 6500 K, of luminance 1.

    Source: the usual polynomial fit of the Planckian locus in sRGB, evaluated on 1000..12000 K.
    """
    t = float(np.clip(kelvin, 1500.0, 12000.0)) / 100.0
    red = 1.0 if t <= 66 else 1.2929 * (t - 60) ** -0.1332
    green = 0.3901 * np.log(t) - 0.6318 if t <= 66 else 1.1299 * (t - 60) ** -0.0755
    blue = 1.0 if t >= 66 else (0.0 if t <= 19 else 0.5432 * np.log(t - 10) - 1.1963)
    linear = np.clip([red, green, blue], 0.02, 1.0) ** 2.2
    return np.asarray(linear / (linear @ np.array([0.2126, 0.7152, 0.0722])))


def bake_light(
    scene: HouseScene,
    atlas: Atlas,
    rng: np.random.Generator,
    options: LightOptions | None = None,
    time: TimeOfDay | None = None,
) -> BakedLight:
    """Light of all surfaces; `time` is drawn from `rng` if not given."""
    options = options or LightOptions()
    house = scene.house
    drawn = TIMES[int(rng.choice(len(TIMES), p=TIME_SHARES))]
    time = time or drawn
    lit = [bool(on) for on in rng.random(len(house.lamps)) < LAMP_ON_SHARE[time]]
    lit = _somewhere_lit(lit, house, time)
    sky = WINDOW_RADIANCE[time] * float(rng.uniform(0.7, 1.4)) * kelvin_rgb(SKY_KELVIN[time])
    sun = _sun_direction(rng) if time == "day" else None
    lattice = build_lattice(scene, options.cell_m)
    casters = _Casters(scene, atlas)
    direct = _direct_light(lattice, casters, house, lit, sky, sun, options)
    glow = _emission(scene, atlas, house, lit, sky)
    light = _with_bounces(scene, lattice, casters, atlas, direct, glow, sky, options)
    area = area_of_samples(scene, lattice)
    albedo = atlas.mean_albedo[scene.material[lattice.triangle]]
    radiance = (light * albedo).astype(np.float64)
    floor = AMBIENT_SHARE * (light * area[:, None]).sum(axis=0) / area.sum()
    light = (light + floor).astype(np.float32)
    lights, light_start = _highlights(house, lit, sky)
    ambient = _ambient(scene, lattice, radiance, area)
    exposure = _exposure(radiance, area)
    _dim_outside(scene, glow, OUTSIDE_SHOWN[time] * float(rng.uniform(0.6, 1.5)) / exposure, sky)
    return BakedLight(
        time=time,
        corner=lattice.corner,
        cells=lattice.cells,
        node_start=lattice.node_start,
        nodes=node_values(lattice, light),
        emission=glow,
        lights=lights,
        light_start=light_start,
        ambient=ambient,
        exposure=exposure,
        white=(ambient[0, 1] / np.maximum(ambient[0].astype(np.float64), 1e-6)) ** WHITE_BALANCE,
    )


def _dim_outside(scene: HouseScene, glow: F4, level: float, sky: F8) -> None:
    """Set what the view outside looks like: a picture holds more of it than true light allows."""
    outside = _of_kind(scene, "outside")
    shown = np.minimum(level, sky.mean()) * sky / sky.mean()
    glow[outside] = shown.astype(np.float32) * (glow[outside] > 0.0)


def _of_kind(scene: HouseScene, kind: str) -> Bool:
    """(T,) whether a triangle's material is of a kind."""
    table: Bool = np.array([m.kind == kind for m in scene.materials])
    return np.asarray(table[scene.material], bool)


def _somewhere_lit(lit: list[bool], house: House, time: TimeOfDay) -> list[bool]:
    """By day rooms without a window, and after dark every room, keep at least one lamp lit."""
    with_window = {w.room for w in house.windows} if time == "day" else set()
    for room in house.rooms:
        mine = [i for i, lamp in enumerate(house.lamps) if lamp.room == room.id]
        if mine and room.id not in with_window and not any(lit[i] for i in mine):
            lit[mine[0]] = True
    return lit


def _sun_direction(rng: np.random.Generator) -> F8 | None:
    """Unit vector to the sun, None under clouds."""
    azimuth, elevation = rng.uniform(0.0, 2.0 * np.pi), np.deg2rad(rng.uniform(14.0, 50.0))
    if rng.random() > SUNNY_SHARE:
        return None
    flat = np.cos(elevation)
    return np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)])


class _Casters:
    """Everything that stops light: all triangles but glass, glowing shades and the view outside."""

    def __init__(self, scene: HouseScene, atlas: Atlas) -> None:
        kinds = np.array([m.kind in {"glass", "emitter"} for m in scene.materials])
        near = _near_lamp(scene)
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


def _near_lamp(scene: HouseScene) -> Any:
    """(T,) whether a triangle lies within a lamp's shade."""
    near = np.zeros(len(scene.triangles), bool)
    middle = scene.vertices_m[scene.triangles].mean(axis=1)
    for lamp in scene.house.lamps:
        distance = np.linalg.norm(middle - lamp.position_m, axis=1)
        near |= distance < lamp.radius_m + GLOW_REACH_M
    return near


def _light_row(lamp: Lamp) -> F8:
    row = np.zeros(13)
    row[1:4], row[4], row[9] = lamp.position_m, lamp.radius_m, lamp.power / np.pi
    return row


def _direct_light(
    lattice: Lattice,
    casters: _Casters,
    house: House,
    lit: list[bool],
    sky: F8,
    sun: F8 | None,
    options: LightOptions,
) -> F4:
    """(S, 3) light straight from lamps and windows."""
    light = np.zeros_like(lattice.points_m)
    for lamp, on in zip(house.lamps, lit, strict=True):
        if on:
            colour = lamp.power * kelvin_rgb(lamp.kelvin)
            _add_light(lattice, casters, _light_row(lamp), colour, options.light_rays, light)
    for window in house.windows:
        row = np.zeros(13)
        row[0], row[1:4] = 1.0, window.center_m
        row[4], row[5], row[6:9] = window.width_m / 2, window.height_m / 2, window.inward
        row[9] = float(sky.mean()) * window.width_m * window.height_m / np.pi
        _add_light(lattice, casters, row, sky, options.light_rays, light)
        if sun is not None and float(window.inward @ sun) < -0.05:
            row[0], row[10:13] = 2.0, sun
            colour = SUN_OVER_SKY * float(sky.mean()) * kelvin_rgb(5200.0)
            _add_light(lattice, casters, row, colour, options.light_rays, light)
    return light


def _add_light(
    lattice: Lattice, casters: _Casters, row: F8, colour: F8, n_rays: int, light: F4
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


def _emission(scene: HouseScene, atlas: Atlas, house: House, lit: list[bool], sky: F8) -> F4:
    """(T, 3) what each triangle's own colour is multiplied with to give its glow."""
    glow = np.repeat(atlas.emission[scene.material][:, None], 3, axis=1).astype(np.float32)
    kinds = np.array([m.kind for m in scene.materials])[scene.material]
    glow[kinds == "outside"] *= sky.astype(np.float32)
    shades = (glow[:, 0] > 0.0) & ~np.isin(kinds, ["outside", "screen"])
    middle = scene.vertices_m[scene.triangles].mean(axis=1)
    nearest = np.full(len(middle), np.inf)
    factor = np.zeros_like(glow)
    for lamp, on in zip(house.lamps, lit, strict=True):
        distance = np.linalg.norm(middle - lamp.position_m, axis=1) - lamp.radius_m
        mine = distance < np.minimum(nearest, GLOW_REACH_M)
        factor[mine] = (2.5 * lamp.power * kelvin_rgb(lamp.kelvin) if on else np.zeros(3)).astype(
            np.float32
        )
        nearest = np.minimum(nearest, distance)
    glow[shades] *= factor[shades]
    return glow


def _with_bounces(
    scene: HouseScene,
    lattice: Lattice,
    casters: _Casters,
    atlas: Atlas,
    direct: F4,
    glow: F4,
    sky: F8,
    options: LightOptions,
) -> F4:
    """(S, 3) direct and bounced light; samples buried in things take their neighbours' light."""
    found, hits, room_m = _hemispheres(scene, lattice, casters, options.gather_rays)
    back = (found == -2).reshape(-1, options.gather_rays).mean(axis=1)
    buried = back > 0.35
    low, high = neighbours(lattice)
    direct = _smoothed(_filled(direct, buried, low, high), low, high, 1, np.float32(0.25))
    # far from everything bounced light varies slowly and its noise is worst: smooth it most there
    share = np.clip(room_m / 0.7, 0.08, 0.8)[:, None].astype(np.float32)
    albedo = np.ascontiguousarray(atlas.mean_albedo[scene.material])
    colour_glow = albedo * glow
    albedo[_of_kind(scene, "outside")] = 0.0  # light that leaves does not come back
    in_reveal = _behind_windows(lattice, scene.house)
    bounced, light = np.zeros_like(direct), direct
    for _ in range(options.bounces):
        light_kernels.gather(
            options.gather_rays,
            found,
            hits,
            albedo,
            colour_glow,
            in_reveal,
            light,
            0.3 * sky,
            bounced,
        )
        bounced = _smoothed(_filled(bounced, buried, low, high), low, high, SMOOTHING_STEPS, share)
        light = direct + bounced
    return light


def _hemispheres(
    scene: HouseScene, lattice: Lattice, casters: _Casters, n_rays: int
) -> tuple[I4, I8, F4]:
    """Sample and triangle that each ray meets; per sample the harmonic mean distance (S,)."""
    n = len(lattice.points_m)
    found, hits = np.empty(n * n_rays, np.int32), np.empty(n * n_rays, np.int64)
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


def _smoothed(values: F4, low: I8, high: I8, n_times: int, share: F4 | np.float32) -> F4:
    """Values mixed `n_times` with the mean of their neighbours on the surface."""
    n_neighbours = _neighbour_sum(np.ones((len(values), 1)), low, high)
    result = values
    for _ in range(n_times):
        mean = _neighbour_sum(result, low, high) / np.maximum(n_neighbours, 1.0)
        result = np.where(n_neighbours > 0, (1.0 - share) * result + share * mean, result)
        result = result.astype(np.float32)
    return result


def _neighbour_sum(values: Any, low: I8, high: I8) -> F8:
    n = len(values)
    columns = [
        np.bincount(low, values[high, c], n) + np.bincount(high, values[low, c], n)
        for c in range(values.shape[1])
    ]
    return np.stack(columns, axis=1)


def _highlights(house: House, lit: list[bool], sky: F8) -> tuple[F4, I4]:
    """Lamps and windows as glossy surfaces mirror them, by room."""
    rows = []
    for lamp, on in zip(house.lamps, lit, strict=True):
        if on:
            radiance = (
                lamp.power * kelvin_rgb(lamp.kelvin) / (np.pi * max(lamp.radius_m, 0.03) ** 2)
            )
            row = [0.0, *lamp.position_m, *radiance, lamp.radius_m, 0.0, 0.0, 0.0, 0.0]
            rows.append((lamp.room, row))
    for window in house.windows:
        half = (window.width_m / 2, window.height_m / 2)
        rows.append((window.room, [1.0, *window.center_m, *(0.8 * sky), *half, *window.inward]))
    rows.sort(key=lambda item: item[0])
    n_rooms = max([0, *(r.id for r in house.rooms)]) + 1
    rooms = np.array([room for room, _ in rows], np.int64)
    start = np.searchsorted(rooms, np.arange(n_rooms + 1)).astype(np.int32)
    table = np.array([row for _, row in rows], np.float32).reshape(-1, 12)
    return table, start


def _ambient(scene: HouseScene, lattice: Lattice, radiance: F8, area: F8) -> F4:
    """(R + 1, 3) area mean of the radiance by room id; row 0 is the mean of the house."""
    n_rooms = max([0, *(r.id for r in scene.house.rooms)]) + 1
    room = scene.room[lattice.triangle].astype(np.int64)
    total = np.bincount(room, area, n_rooms)[:n_rooms]
    result = (
        np.stack(
            [np.bincount(room, radiance[:, c] * area, n_rooms)[:n_rooms] for c in range(3)], axis=1
        )
        / np.maximum(total, 1e-9)[:, None]
    )
    result[0] = (radiance * area[:, None]).sum(axis=0) / area.sum()
    return result.astype(np.float32)


def _exposure(radiance: F8, area: F8) -> float:
    """Factor that brings the area median of luminance to 0.2."""
    luminance = radiance @ np.array([0.2126, 0.7152, 0.0722])
    order = np.argsort(luminance, kind="stable")
    share = np.cumsum(area[order]) / area.sum()
    median = float(luminance[order][np.searchsorted(share, 0.5)])
    return 0.2 / max(median, 1e-6)
