"""Light of a house, baked once: lamps and windows with soft shadows, two bounces, an ambient floor.

All light is stored as irradiance over pi (times reflectance = radiance) at the samples of a
lattice on the surfaces. Windows are area lights with a sky above and a darker ground below; lamps
are spheres. Bounced light is gathered over the hemisphere of every sample and smoothed over
neighbours on the surface, direct light keeps its edges. Samples inside furniture see back faces;
they take the light of their neighbours, so that no dark rim creeps out from under things.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mono_hydra.simulation.black_body import kelvin_rgb
from mono_hydra.simulation.house import House
from mono_hydra.simulation.light_lattice import (
    Lattice,
    area_of_samples,
    build_lattice,
    node_values,
)
from mono_hydra.simulation.light_transport import GLOW_REACH_M, LightOptions, light_of_samples
from mono_hydra.simulation.materials import Atlas
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.types import F4, F8, I4, I8, U1, Bool

__all__ = ["BakedLight", "LightOptions", "TimeOfDay", "bake_light", "kelvin_rgb"]

TimeOfDay = Literal["day", "evening", "night"]
TIMES: tuple[TimeOfDay, ...] = ("day", "evening", "night")
TIME_SHARES = (0.5, 0.25, 0.25)
LAMP_ON_SHARE = {"day": 0.45, "evening": 0.9, "night": 0.95}
WINDOW_RADIANCE = {"day": 5.0, "evening": 1.0, "night": 0.04}  # lamps have intensity `power`
OUTSIDE_SHOWN = {"day": 4.0, "evening": 1.0, "night": 0.03}  # on a scale where mid grey is 0.2
WHITE_BALANCE = 0.7
SKY_KELVIN = {"day": 6800.0, "evening": 8200.0, "night": 6500.0}
SUNNY_SHARE = 0.55  # of the days
AMBIENT_SHARE = 0.03  # of the house's mean light: nothing is pitch black


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
    area = area_of_samples(scene, lattice)
    glow = _emission(scene, atlas, house, lit, sky)
    light = light_of_samples(scene, lattice, atlas, lit, sky, sun, glow, area, options)
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
