"""Per-pixel shading of a cast view: texture, baked light, highlights; and the tone curve.

Rows are shaded independently of each other, so that threads may share an image by rows.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F4, F8, I4, I8, U1


@njit(cache=True, nogil=True)
def _fetch(texels: U1, start: int, size: int, x: float, y: float, out: F4) -> None:
    """Bilinear, repeating lookup in one mip level; x, y in periods; adds nothing, overwrites out (3,)."""
    fx = x * size - 0.5
    fy = y * size - 0.5
    ix = int(np.floor(fx))
    iy = int(np.floor(fy))
    ax = np.float32(fx - ix)
    ay = np.float32(fy - iy)
    mask = size - 1  # sizes are powers of two
    x0 = ix & mask
    x1 = (ix + 1) & mask
    y0 = start + (iy & mask) * size
    y1 = start + ((iy + 1) & mask) * size
    one = np.float32(1.0)
    w00 = (one - ax) * (one - ay)
    w10 = ax * (one - ay)
    w01 = (one - ax) * ay
    w11 = ax * ay
    for c in range(3):
        out[c] = (
            w00 * texels[y0 + x0, c]
            + w10 * texels[y0 + x1, c]
            + w01 * texels[y1 + x0, c]
            + w11 * texels[y1 + x1, c]
        )


@njit(cache=True, nogil=True)
def sample_texture(
    texels: U1, start: int, size: int, u: float, v: float, level: float, out: F4, spare: F4
) -> None:
    """Trilinear lookup of texel values 0..255 into out (3,); level 0 is the finest."""
    lower = int(level)
    share = np.float32(level - lower)
    edge = size
    for _ in range(lower):
        if edge == 1:
            share = np.float32(0.0)
            break
        start += edge * edge
        edge >>= 1
    _fetch(texels, start, edge, u, v, out)
    if share > 0.02 and edge > 1:
        _fetch(texels, start + edge * edge, edge >> 1, u, v, spare)
        for c in range(3):
            out[c] += share * (spare[c] - out[c])


@njit(cache=True, nogil=True)
def lattice_light(
    corner: int, n_a: int, n_b: int, start: int, nodes: F4, w1: float, w2: float, out: F4
) -> None:
    """Bilinear light of one triangle's lattice at the weights of its second and third corner."""
    w0 = 1.0 - w1 - w2
    if corner == 0:
        a = w1
        b = w2
    elif corner == 1:
        a = w2
        b = w0
    else:
        a = w0
        b = w1
    a = min(max(a, 0.0), 1.0) * n_a
    b = min(max(b, 0.0), 1.0) * n_b
    i = min(int(a), n_a - 1)
    j = min(int(b), n_b - 1)
    s = np.float32(a - i)
    t = np.float32(b - j)
    one = np.float32(1.0)
    k = start + j * (n_a + 1) + i
    above = k + n_a + 1
    for c in range(3):
        low = nodes[k, c] * (one - s) + nodes[k + 1, c] * s
        high = nodes[above, c] * (one - s) + nodes[above + 1, c] * s
        out[c] = low * (one - t) + high * t


@njit(cache=True, nogil=True)
def _reflection(lights: F4, first: int, last: int, p: F8, r: F8, width: float, out: F4) -> None:
    """Radiance of lamps and windows that a glossy surface at p mirrors towards direction r, into out (3,).

    lights rows: kind (0 lamp, 1 window), centre 3, radiance 3, radius or half width, half height,
    inward normal 3.
    """
    for k in range(first, last):
        dx = lights[k, 1] - p[0]
        dy = lights[k, 2] - p[1]
        dz = lights[k, 3] - p[2]
        if lights[k, 0] == 0.0:
            distance = np.sqrt(dx * dx + dy * dy + dz * dz) + 1e-6
            along = (dx * r[0] + dy * r[1] + dz * r[2]) / distance
            if along <= 0.0:
                continue
            size = lights[k, 7] / distance
            off = max(0.0, np.sqrt(max(0.0, 2.0 - 2.0 * along)) - size) / width
            if off > 3.0:
                continue
            weight = np.exp(-off * off) * size * size / (size * size + width * width)
        else:
            toward = lights[k, 9] * r[0] + lights[k, 10] * r[1] + lights[k, 11] * r[2]
            ahead = lights[k, 9] * dx + lights[k, 10] * dy + lights[k, 11] * dz
            if toward >= -1e-3 or ahead >= -1e-3:
                continue
            t = ahead / toward
            hx = p[0] + t * r[0] - lights[k, 1]
            hy = p[1] + t * r[1] - lights[k, 2]
            hz = p[2] + t * r[2] - lights[k, 3]
            side = abs(-lights[k, 10] * hx + lights[k, 9] * hy) - lights[k, 7]
            up = abs(hz) - lights[k, 8]
            off = max(0.0, max(side, up)) / (t * width + 0.02)
            if off > 3.0:
                continue
            weight = np.exp(-off * off)
        for c in range(3):
            out[c] += weight * lights[k, 4 + c]


@njit(cache=True, nogil=True)
def shade_rows(
    row0: int,
    row1: int,
    linear: F4,
    triangle: I8,
    bary: F4,
    depth_m: F4,
    normals: F4,
    centre_m: F8,
    pixel_angle: float,
    vertices_m: F4,
    triangles: I4,
    uv: F4,
    texel_density: F4,
    material: I4,
    room: U1,
    texels: U1,
    layer_start: I8,
    layer_size: I4,
    layer_of_material: I4,
    material_table: F4,
    decode: F4,
    corner: U1,
    lattice: I4,
    node_start: I8,
    nodes: F4,
    emission: F4,
    lights: F4,
    light_start: I4,
    ambient: F4,
) -> None:
    """Fill rows row0..row1 of linear (H, W, 3) from a cast view.

    material_table (M, 12): repeats per metre, rectangle flag, colour 3, second colour 3, gloss,
    metal flag, spare 2. texel_density (T,): texture periods per metre. decode (256,): display value
    to linear. corner, lattice (T, 2), node_start, nodes (N, 3): baked light. emission (T, 3).
    lights, light_start (R + 1,): highlights by room. ambient (R, 3): mean radiance of a room.
    """
    value = np.zeros(3, np.float32)
    spare = np.zeros(3, np.float32)
    light = np.zeros(3, np.float32)
    albedo = np.zeros(3, np.float32)
    mirrored = np.zeros(3, np.float32)
    p = np.zeros(3)
    view = np.zeros(3)
    r = np.zeros(3)
    for y in range(row0, row1):
        for x in range(linear.shape[1]):
            tri = triangle[y, x]
            if tri < 0:
                for c in range(3):
                    linear[y, x, c] = ambient[0, c]
                continue
            w1 = bary[y, x, 0]
            w2 = bary[y, x, 1]
            w0 = np.float32(1.0) - w1 - w2
            a, b, d = triangles[tri, 0], triangles[tri, 1], triangles[tri, 2]
            length2 = 0.0
            for c in range(3):
                p[c] = w0 * vertices_m[a, c] + w1 * vertices_m[b, c] + w2 * vertices_m[d, c]
                view[c] = p[c] - centre_m[c]
                length2 += view[c] * view[c]
            distance = np.sqrt(length2) + 1e-9
            cosine = 0.0
            for c in range(3):
                view[c] /= distance
                cosine -= view[c] * normals[y, x, c]
            cosine = min(max(cosine, 0.02), 1.0)
            m = material[tri]
            layer = layer_of_material[m]
            for c in range(3):
                albedo[c] = material_table[m, 2 + c]
            if layer >= 0:
                u = w0 * uv[tri, 0, 0] + w1 * uv[tri, 1, 0] + w2 * uv[tri, 2, 0]
                v = w0 * uv[tri, 0, 1] + w1 * uv[tri, 1, 1] + w2 * uv[tri, 2, 1]
                per_m = material_table[m, 0]
                size = layer_size[layer]
                footprint = distance * pixel_angle * texel_density[tri] * per_m * size
                level = max(0.0, np.log2(footprint / np.sqrt(cosine) + 1e-6))
                start = layer_start[layer]
                if material_table[m, 1] > 0.0:
                    # rectangles do not repeat: stay half a texel inside
                    rim = 0.5 / size
                    u = min(max(u, rim), 1.0 - rim)
                    v = min(max(v, rim), 1.0 - rim)
                    sample_texture(texels, start, size, u, v, level, value, spare)
                    for c in range(3):
                        albedo[c] = decode[int(value[c])]
                else:
                    sample_texture(texels, start, size, u * per_m, v * per_m, level, value, spare)
                    share = value[1] * np.float32(1.0 / 255.0)
                    factor = value[0] * np.float32(1.0 / 128.0)
                    for c in range(3):
                        second = material_table[m, 5 + c]
                        albedo[c] = factor * (albedo[c] + (second - albedo[c]) * share)
            lattice_light(
                corner[tri], lattice[tri, 0], lattice[tri, 1], node_start[tri], nodes, w1, w2, light
            )
            gloss = material_table[m, 8]
            metal = material_table[m, 9]
            keep = np.float32(1.0 - 0.7 * metal)
            for c in range(3):
                linear[y, x, c] = keep * albedo[c] * light[c] + albedo[c] * emission[tri, c]
            if gloss > 0.02:
                for c in range(3):
                    r[c] = view[c] + 2.0 * cosine * normals[y, x, c]
                k = room[tri]
                for c in range(3):
                    # the room's mean stands for everything that is neither lamp nor window
                    mirrored[c] = 0.5 * (ambient[k, c] + light[c])
                width = 0.03 + 0.35 * (1.0 - gloss)
                _reflection(lights, light_start[k], light_start[k + 1], p, r, width, mirrored)
                for c in range(3):
                    base = 0.04 + metal * (albedo[c] - 0.04)
                    fresnel = base + (1.0 - base) * (1.0 - cosine) ** 5
                    linear[y, x, c] += gloss * fresnel * mirrored[c]


@njit(cache=True, nogil=True)
def develop_rows(row0: int, row1: int, linear: F4, gain: F4, curve: F4, rgb: U1) -> None:
    """Rows of linear (H, W, 3) through gain (3,) and the tone curve into rgb (H, W, 3).

    curve (N,): display value 0..255 over the square root of linear light, the last at 16.
    """
    scale = np.float32((curve.shape[0] - 1) / 4.0)
    top = np.float32(15.99)
    for y in range(row0, row1):
        for x in range(linear.shape[1]):
            for c in range(3):
                value = min(max(linear[y, x, c] * gain[c], np.float32(0.0)), top)
                k = np.sqrt(value) * scale
                i = int(k)
                s = np.float32(k - i)
                rgb[y, x, c] = np.uint8(curve[i] + (curve[i + 1] - curve[i]) * s + np.float32(0.5))
