"""Per-pixel shading of a cast view: texture, baked light, highlights; and the tone curve.

Rows are shaded independently of each other, so that threads may share an image by rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from mono_hydra.types import F4, F8, I4, I8, U1

ONE = np.float32(1.0)
THIN_REACH_PX = 3  # about what is a pixel thin


@njit(cache=True, nogil=True)
def _fetch(texels: U1, start: int, size: int, x: float, y: float) -> tuple[float, float, float]:
    """Bilinear, repeating lookup of channels 0..2 in one mip level; x, y in periods."""
    fx = x * np.float32(size) - np.float32(0.5)
    fy = y * np.float32(size) - np.float32(0.5)
    lx = np.floor(fx)
    ly = np.floor(fy)
    ix = int(lx)
    iy = int(ly)
    ax = fx - lx
    ay = fy - ly
    mask = size - 1  # sizes are powers of two
    x0 = ix & mask
    x1 = (ix + 1) & mask
    y0 = start + (iy & mask) * size
    y1 = start + ((iy + 1) & mask) * size
    w11 = ax * ay
    w10 = ax - w11
    w01 = ay - w11
    w00 = ONE - ax - w01
    a, b, c, d = y0 + x0, y0 + x1, y1 + x0, y1 + x1
    return (
        w00 * np.float32(texels[a, 0])
        + w10 * np.float32(texels[b, 0])
        + w01 * np.float32(texels[c, 0])
        + w11 * np.float32(texels[d, 0]),
        w00 * np.float32(texels[a, 1])
        + w10 * np.float32(texels[b, 1])
        + w01 * np.float32(texels[c, 1])
        + w11 * np.float32(texels[d, 1]),
        w00 * np.float32(texels[a, 2])
        + w10 * np.float32(texels[b, 2])
        + w01 * np.float32(texels[c, 2])
        + w11 * np.float32(texels[d, 2]),
    )


@njit(cache=True, nogil=True)
def sample_texture(
    texels: U1, start: int, size: int, u: float, v: float, footprint: float
) -> tuple[float, float, float]:
    """Trilinear lookup of texels 0..255; footprint: texels of the finest level in one pixel."""
    edge = size
    while footprint >= np.float32(2.0) and edge > 1:
        start += edge * edge
        edge >>= 1
        footprint *= np.float32(0.5)
    r, g, b = _fetch(texels, start, edge, u, v)
    share = footprint - ONE  # linear between the levels, close enough to the logarithm
    if share > np.float32(0.05) and edge > 1:
        r2, g2, b2 = _fetch(texels, start + edge * edge, edge >> 1, u, v)
        r += share * (r2 - r)
        g += share * (g2 - g)
        b += share * (b2 - b)
    return r, g, b


@njit(cache=True, nogil=True)
def lattice_light(
    corner: int, n_a: int, n_b: int, start: int, nodes: F4, w1: Any, w2: Any
) -> tuple[float, float, float]:
    """Bilinear light of one triangle's lattice at the weights of its second and third corner."""
    w0 = ONE - w1 - w2
    if corner == 0:
        a = w1
        b = w2
    elif corner == 1:
        a = w2
        b = w0
    else:
        a = w0
        b = w1
    zero = np.float32(0.0)
    a = min(max(a, zero), ONE) * np.float32(n_a)
    b = min(max(b, zero), ONE) * np.float32(n_b)
    i = min(int(a), n_a - 1)
    j = min(int(b), n_b - 1)
    s = a - np.float32(i)
    t = b - np.float32(j)
    k = start + j * (n_a + 1) + i
    m = k + n_a + 1
    w11 = s * t
    w10 = s - w11
    w01 = t - w11
    w00 = ONE - s - w01
    return (
        w00 * nodes[k, 0] + w10 * nodes[k + 1, 0] + w01 * nodes[m, 0] + w11 * nodes[m + 1, 0],
        w00 * nodes[k, 1] + w10 * nodes[k + 1, 1] + w01 * nodes[m, 1] + w11 * nodes[m + 1, 1],
        w00 * nodes[k, 2] + w10 * nodes[k + 1, 2] + w01 * nodes[m, 2] + w11 * nodes[m + 1, 2],
    )


@njit(cache=True, nogil=True)
def _reflection(lights: F4, first: int, last: int, p: F8, r: F8, width: float, out: F4) -> None:
    """Add the lamps and windows that a glossy surface at p mirrors along direction r to out (3,).

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
    surface: I4,
    triangle: I8,
    bary: F4,
    normal: F4,
    part: I4,
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
    """Fill rows row0..row1 of linear (H, W, 3) and surface (H, W) from a cast view.

    surface: a number that changes where another part or another facing begins.
    normal (T, 3); part (T,): index of the part.

    material_table (M, 12): repeats per metre, rectangle flag, colour 3, second colour 3, gloss,
    metal flag, share of diffuse
    reflection, spare. texel_density (T,): texture periods per metre. decode (256,): display value
    to linear. corner, lattice (T, 2), node_start, nodes (N, 3): baked light. emission (T, 3).
    lights, light_start (R + 1,): highlights by room. ambient (R, 3): mean radiance of a room.
    """
    mirrored = np.zeros(3, np.float32)
    point = np.zeros(3)
    ray = np.zeros(3)
    albedo = np.zeros(3, np.float32)
    eye_x, eye_y, eye_z = np.float32(centre_m[0]), np.float32(centre_m[1]), np.float32(centre_m[2])
    angle = np.float32(pixel_angle)
    for y in range(row0, row1):
        for x in range(linear.shape[1]):
            tri = triangle[y, x]
            if tri < 0:
                surface[y, x] = -1
                for c in range(3):
                    linear[y, x, c] = ambient[0, c]
                continue
            w1 = bary[y, x, 0]
            w2 = bary[y, x, 1]
            w0 = ONE - w1 - w2
            a, b, d = triangles[tri, 0], triangles[tri, 1], triangles[tri, 2]
            px = w0 * vertices_m[a, 0] + w1 * vertices_m[b, 0] + w2 * vertices_m[d, 0]
            py = w0 * vertices_m[a, 1] + w1 * vertices_m[b, 1] + w2 * vertices_m[d, 1]
            pz = w0 * vertices_m[a, 2] + w1 * vertices_m[b, 2] + w2 * vertices_m[d, 2]
            vx = px - eye_x
            vy = py - eye_y
            vz = pz - eye_z
            nx, ny, nz = normal[tri, 0], normal[tri, 1], normal[tri, 2]
            distance = np.sqrt(vx * vx + vy * vy + vz * vz) + np.float32(1e-6)
            along = (vx * nx + vy * ny + vz * nz) / distance
            cosine = min(max(abs(along), np.float32(0.02)), ONE)
            surface[y, x] = part[tri] * 125 + (
                int(nx * np.float32(2.4) + np.float32(2.5)) * 25
                + int(ny * np.float32(2.4) + np.float32(2.5)) * 5
                + int(nz * np.float32(2.4) + np.float32(2.5))
            )
            m = material[tri]
            layer = layer_of_material[m]
            red, green, blue = material_table[m, 2], material_table[m, 3], material_table[m, 4]
            if layer >= 0:
                u = w0 * uv[tri, 0, 0] + w1 * uv[tri, 1, 0] + w2 * uv[tri, 2, 0]
                v = w0 * uv[tri, 0, 1] + w1 * uv[tri, 1, 1] + w2 * uv[tri, 2, 1]
                size = layer_size[layer]
                start = layer_start[layer]
                texels_per_m = texel_density[tri] * material_table[m, 0] * np.float32(size)
                footprint = distance * angle * texels_per_m / np.sqrt(cosine)
                if material_table[m, 1] > 0.0:
                    rim = np.float32(0.5) / np.float32(size)  # rectangles do not repeat
                    u = min(max(u, rim), ONE - rim)
                    v = min(max(v, rim), ONE - rim)
                    r, g, b_ = sample_texture(texels, start, size, u, v, footprint)
                    red, green, blue = decode[int(r)], decode[int(g)], decode[int(b_)]
                else:
                    per_m = material_table[m, 0]
                    bright, share, _ = sample_texture(
                        texels, start, size, u * per_m, v * per_m, footprint
                    )
                    bright *= np.float32(1.0 / 128.0)
                    share *= np.float32(1.0 / 255.0)
                    red = bright * (red + (material_table[m, 5] - red) * share)
                    green = bright * (green + (material_table[m, 6] - green) * share)
                    blue = bright * (blue + (material_table[m, 7] - blue) * share)
            light_r, light_g, light_b = lattice_light(
                corner[tri], lattice[tri, 0], lattice[tri, 1], node_start[tri], nodes, w1, w2
            )
            gloss = material_table[m, 8]
            metal = material_table[m, 9]
            keep = material_table[m, 10]
            linear[y, x, 0] = red * (keep * light_r + emission[tri, 0])
            linear[y, x, 1] = green * (keep * light_g + emission[tri, 1])
            linear[y, x, 2] = blue * (keep * light_b + emission[tri, 2])
            if gloss > np.float32(0.02):
                point[0], point[1], point[2] = px, py, pz
                turn = np.float32(-2.0) * along
                ray[0] = vx / distance + turn * nx
                ray[1] = vy / distance + turn * ny
                ray[2] = vz / distance + turn * nz
                k = room[tri]
                # the room's mean stands for everything that is neither lamp nor window
                mirrored[0] = np.float32(0.5) * (ambient[k, 0] + light_r)
                mirrored[1] = np.float32(0.5) * (ambient[k, 1] + light_g)
                mirrored[2] = np.float32(0.5) * (ambient[k, 2] + light_b)
                width = 0.03 + 0.35 * (1.0 - gloss)
                _reflection(lights, light_start[k], light_start[k + 1], point, ray, width, mirrored)
                albedo[0], albedo[1], albedo[2] = red, green, blue
                grazing = (ONE - cosine) ** 5
                for c in range(3):
                    base = np.float32(0.04) + metal * (albedo[c] - np.float32(0.04))
                    fresnel = base + (ONE - base) * grazing
                    linear[y, x, c] += gloss * fresnel * mirrored[c]


@njit(cache=True, nogil=True)
def mark_outlines(surface: I4, depth_m: F4, marks: U1) -> None:
    """Set marks (H, W), 0 before, where a pixel may hold more than one surface.

    surface (H, W): changes where another part or another facing begins. About what is a pixel thin
    all is marked: between its pixels it goes on, unseen.
    """
    height, width = surface.shape
    jump = np.float32(0.05)
    for y in range(height):
        y0 = max(y - 1, 0)
        y1 = min(y + 1, height - 1)
        for x in range(width):
            x0 = max(x - 1, 0)
            x1 = min(x + 1, width - 1)
            own = surface[y, x]
            depth = depth_m[y, x]
            step = jump * depth
            left = surface[y, x0] != own or abs(depth_m[y, x0] - depth) > step
            right = surface[y, x1] != own or abs(depth_m[y, x1] - depth) > step
            above = surface[y0, x] != own or abs(depth_m[y0, x] - depth) > step
            below = surface[y1, x] != own or abs(depth_m[y1, x] - depth) > step
            if (left and right) or (above and below):
                for v in range(max(y - THIN_REACH_PX, 0), min(y + THIN_REACH_PX + 1, height)):
                    for u in range(max(x - THIN_REACH_PX, 0), min(x + THIN_REACH_PX + 1, width)):
                        marks[v, u] = 1
            elif left or right or above or below:
                marks[y, x] = 1


@njit(cache=True, nogil=True)
def develop_rows(row0: int, row1: int, linear: F4, gain: F4, curve: F4, rgb: U1) -> None:
    """Rows of linear (H, W, 3) through gain (3,) and the tone curve into rgb (H, W, 3).

    curve (N,): display value 0..255 over the square root of linear light, the last at 16.
    """
    scale = np.float32((curve.shape[0] - 2) / 4.0)
    top = np.float32(15.99)
    for y in range(row0, row1):
        for x in range(linear.shape[1]):
            for c in range(3):
                value = min(max(linear[y, x, c] * gain[c], np.float32(0.0)), top)
                k = np.sqrt(value) * scale
                i = int(k)
                s = np.float32(k - i)
                rgb[y, x, c] = np.uint8(curve[i] + (curve[i + 1] - curve[i]) * s + np.float32(0.5))
