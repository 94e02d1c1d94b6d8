"""Every material of a house as textures in one flat atlas with mip levels.

Tiling kinds share grey patterns (`surface_textures`): two channels, brightness and second-colour
share, coloured per material. Kinds that fill a rectangle (`picture_textures`) hold their own
colours. The number of variants is bounded, so that thirty rooms cost no more memory than three.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import cv2
import numpy as np

from mono_hydra.errors import SimulationError
from mono_hydra.simulation.house import Material
from mono_hydra.simulation.picture_textures import PICTURES, draw
from mono_hydra.simulation.surface_textures import FINE_KINDS, PATTERNS
from mono_hydra.types import F4, F8, I4, I8, U1

TILING_KINDS = tuple(PATTERNS)
RECTANGLE_KINDS = tuple(PICTURES)
KINDS = (*TILING_KINDS, *RECTANGLE_KINDS, "emitter")
MAX_ALBEDO = 0.85  # nothing in a home reflects more; brighter walls would glow after two bounces
N_PATTERN_VARIANTS = 6  # per tiling kind and period
N_RECTANGLE_VARIANTS = {"book_spines": 40, "paper": 24, "outside": 8, "clock": 8}
N_RECTANGLE_VARIANTS_ELSE = 64
CHANNELS = 4  # red, green, blue | brightness, share, unused


@dataclass(frozen=True, eq=False)
class Atlas:
    """All textures of a house, and per material how to read them.

    `texels` holds each layer's mip levels one after the other, rows from the bottom; a tiling layer
    uses channel 0 (brightness, 128 = 1) and 1 (share of the second colour), a rectangle layer RGB
    display values.
    """

    texels: U1  # (N, 4)
    layer_start: I8  # (L,) first texel of level 0
    layer_size: I4  # (L,) edge of level 0, a power of two
    layer_of_material: I4  # (M,), -1 = plain colour
    is_rectangle: U1  # (M,) 1: uv 0..1 and own colours
    per_m: F4  # (M,) texture repeats per metre of uv, 1 for rectangles
    colour: F4  # (M, 3) linear reflectance
    colour2: F4  # (M, 3) linear reflectance of the second colour
    gloss: F4  # (M,)
    emission: F4  # (M,)
    mean_albedo: F4  # (M, 3) linear mean over the texture, what bounced light sees


def to_linear(display: F8 | F4) -> F8:
    """SRGB display values 0..1 as linear light."""
    x = np.clip(np.asarray(display, np.float64), 0.0, 1.0)
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def check_kind(material: Material) -> None:
    """Refuse a kind nobody can paint.

    Raises:
        SimulationError: the kind is not one of `KINDS`.
    """
    if material.kind not in KINDS:
        raise SimulationError(
            f"material kind {material.kind!r}: unknown; use one of {', '.join(KINDS)}"
        )


def build_atlas(materials: tuple[Material, ...]) -> Atlas:
    """Paint all textures that the materials need; equal materials give equal bytes.

    Raises:
        SimulationError: a material of an unknown kind.
    """
    layers: dict[tuple[object, ...], int] = {}
    images: list[U1] = []
    means: list[F8] = []
    n = len(materials)
    layer_of = np.full(n, -1, np.int32)
    per_m, is_rectangle = np.ones(n, np.float32), np.zeros(n, np.uint8)
    colour, colour2 = np.zeros((n, 3), np.float32), np.zeros((n, 3), np.float32)
    mean_albedo = np.zeros((n, 3), np.float32)
    for i, material in enumerate(materials):
        check_kind(material)
        base = np.minimum(to_linear(np.asarray(material.rgb)), MAX_ALBEDO)
        second = base * 0.55 if material.rgb2 is None else to_linear(np.asarray(material.rgb2))
        colour[i], colour2[i] = base, np.minimum(second, MAX_ALBEDO)
        mean_albedo[i] = base
        if material.kind == "emitter":
            continue
        key = _layer_key(material)
        if key not in layers:
            layers[key] = len(images)
            image = _paint(material, key)
            images.append(image)
            means.append(_mean(image, material.kind in PICTURES))
        layer_of[i] = layers[key]
        mean = means[layers[key]]
        if material.kind in PICTURES:
            is_rectangle[i] = 1
            mean_albedo[i] = np.minimum(mean, MAX_ALBEDO)
        else:
            per_m[i] = 1.0 / max(material.period_m, 1e-3)
            mean_albedo[i] = mean[0] * (colour[i] + (colour2[i] - colour[i]) * mean[1])
    texels, start, size = _pack(images)
    return Atlas(
        texels=texels,
        layer_start=start,
        layer_size=size,
        layer_of_material=layer_of,
        is_rectangle=is_rectangle,
        per_m=per_m,
        colour=colour,
        colour2=colour2,
        gloss=np.array([m.gloss for m in materials], np.float32),
        emission=np.array([m.emission for m in materials], np.float32),
        mean_albedo=mean_albedo,
    )


def _layer_key(material: Material) -> tuple[object, ...]:
    """What decides the pixels of a texture; seeds are folded to a bounded number of variants."""
    if material.kind in PICTURES:
        variants = N_RECTANGLE_VARIANTS.get(material.kind, N_RECTANGLE_VARIANTS_ELSE)
        second = None if material.rgb2 is None else _coarse(material.rgb2)
        return (material.kind, material.seed % variants, _coarse(material.rgb), second)
    period_m = round(float(material.period_m), 2)
    return (material.kind, material.seed % N_PATTERN_VARIANTS, max(period_m, 0.01))


def _coarse(rgb: tuple[float, float, float]) -> tuple[float, ...]:
    """Colours on a grid of twelfths: near equal rectangles share one image."""
    return tuple(round(12.0 * float(c)) / 12.0 if c > 0.12 else round(float(c), 2) for c in rgb)


def _paint(material: Material, key: tuple[object, ...]) -> U1:
    """(S, S, 4) texture of a layer key."""
    seed = int(key[1])  # type: ignore[call-overload]
    rng = np.random.default_rng([zlib.crc32(material.kind.encode()), seed])
    if material.kind in PICTURES:
        rgb, rgb2 = key[2], key[3]
        image = draw(material.kind, rng, rgb, rgb2)  # type: ignore[arg-type]
        alpha = np.ones((*image.shape[:2], 1))
        return np.rint(np.concatenate([image, alpha], axis=2) * 255.0).astype(np.uint8)
    n = 512 if material.kind in FINE_KINDS else 256
    brightness, share = PATTERNS[material.kind](rng, n, float(material.period_m))
    image = np.zeros((n, n, CHANNELS))
    image[..., 0] = np.clip(brightness * 128.0, 0.0, 255.0)
    image[..., 1] = np.clip(share * 255.0, 0.0, 255.0)
    return np.rint(image).astype(np.uint8)


def _mean(image: U1, is_rectangle: bool) -> F8:
    """Linear mean colour of a rectangle, or (brightness, share) of a pattern."""
    if is_rectangle:
        return np.asarray(to_linear(image[..., :3] / 255.0).mean(axis=(0, 1)))
    return np.asarray(image[..., :2].mean(axis=(0, 1)) / np.array([128.0, 255.0]))


def _pack(images: list[U1]) -> tuple[U1, I8, I4]:
    """Mip levels of all layers in one buffer."""
    levels: list[U1] = []
    start, size, n_texels = [], [], 0
    for image in images:
        start.append(n_texels)
        size.append(image.shape[0])
        level = image
        while True:
            levels.append(level.reshape(-1, CHANNELS))
            n_texels += level.shape[0] ** 2
            if level.shape[0] == 1:
                break
            half = level.shape[0] // 2
            smaller = cv2.resize(level, (half, half), interpolation=cv2.INTER_AREA)
            level = np.asarray(smaller, np.uint8).reshape(half, half, CHANNELS)
    texels = np.concatenate(levels) if levels else np.zeros((1, CHANNELS), np.uint8)
    return texels, np.asarray(start, np.int64), np.asarray(size, np.int32)
