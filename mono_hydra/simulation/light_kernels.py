"""Kernels of the light bake: lattice nodes, rays to lamps and windows, gathering of bounces."""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F4, F8, I4, I8, U1

SUN_WIDTH = 0.035  # tangent of the half angle of the hazy sun
NEAREST2_M2 = 0.10  # a lamp's fitting keeps its nearest surroundings from glaring


@njit(cache=True, nogil=True)
def place_nodes(
    corners: F4,
    smooth: F4,
    flat: F4,
    cells: I4,
    node_start: I8,
    continues: U1,
    pull_m: float,
    points: F4,
    pulled: F4,
    normals: F4,
) -> None:
    """Node positions, the same pulled off the rim, and normals, for lattices from corner 0.

    corners (T, 3, 3) and smooth normals begin at the lattice's corner. Beyond the long edge nodes
    lie on the other half of a rectangle (`continues`), else they are moved back onto the edge.
    """
    for t in range(cells.shape[0]):
        n_a, n_b = cells[t, 0], cells[t, 1]
        length_a = 1e-9
        length_b = 1e-9
        for c in range(3):
            length_a += (corners[t, 1, c] - corners[t, 0, c]) ** 2
            length_b += (corners[t, 2, c] - corners[t, 0, c]) ** 2
        rim_a = min(0.25, pull_m / np.sqrt(length_a))
        rim_b = min(0.25, pull_m / np.sqrt(length_b))
        for j in range(n_b + 1):
            for i in range(n_a + 1):
                k = node_start[t] + j * (n_a + 1) + i
                a = i / n_a
                b = j / n_b
                beyond = a + b - 1.0
                if beyond > 0.0 and continues[t] == 0:
                    a = max(a - 0.5 * beyond, 0.0)
                    b = max(b - 0.5 * beyond, 0.0)
                    total = a + b
                    a /= total
                    b /= total
                inner_a = min(max(a, rim_a), 1.0 - rim_a)
                inner_b = min(max(b, rim_b), 1.0 - rim_b)
                over = inner_a + inner_b - (1.0 - 0.5 * (rim_a + rim_b))
                if over > 0.0 and continues[t] == 0:
                    inner_a = max(inner_a - 0.5 * over, 0.0)
                    inner_b = max(inner_b - 0.5 * over, 0.0)
                wa = min(max(a, 0.0), 1.0)
                wb = min(max(b, 0.0), 1.0)
                if wa + wb > 1.0:
                    wa, wb = wa / (wa + wb), wb / (wa + wb)
                length = 0.0
                for c in range(3):
                    edge_a = corners[t, 1, c] - corners[t, 0, c]
                    edge_b = corners[t, 2, c] - corners[t, 0, c]
                    points[k, c] = corners[t, 0, c] + a * edge_a + b * edge_b
                    pulled[k, c] = corners[t, 0, c] + inner_a * edge_a + inner_b * edge_b
                    normal = (
                        (1.0 - wa - wb) * smooth[t, 0, c]
                        + wa * smooth[t, 1, c]
                        + wb * smooth[t, 2, c]
                    )
                    normals[k, c] = normal
                    length += normal * normal
                for c in range(3):
                    if length > 1e-6:
                        normals[k, c] /= np.sqrt(length)
                    else:
                        normals[k, c] = flat[t, c]


@njit(cache=True, nogil=True)
def smooth_normals(
    place: I8, order: I8, start: I8, normal: F4, weighted: F4, part: I4, cosine: float, result: F4
) -> None:
    """Corner normals (T, 3, 3): sums over triangles of one part that meet at flat angles.

    place (3T,): welded vertex of each corner; order, start: corners sorted by place.
    """
    for k in range(place.shape[0]):
        t = k // 3
        x = np.float32(0.0)
        y = np.float32(0.0)
        z = np.float32(0.0)
        for q in range(start[place[k]], start[place[k] + 1]):
            o = order[q] // 3
            if part[o] != part[t]:
                continue
            dot = (
                normal[o, 0] * normal[t, 0]
                + normal[o, 1] * normal[t, 1]
                + normal[o, 2] * normal[t, 2]
            )
            if dot > cosine:
                x += weighted[o, 0]
                y += weighted[o, 1]
                z += weighted[o, 2]
        length = np.sqrt(x * x + y * y + z * z)
        if length > 0.0:
            result[t, k % 3, 0] = x / length
            result[t, k % 3, 1] = y / length
            result[t, k % 3, 2] = z / length
        else:
            for c in range(3):
                result[t, k % 3, c] = normal[t, c]


@njit(cache=True, nogil=True)
def lattice_edges(cells: I4, node_start: I8) -> I8:
    """(E, 2) nodes that are neighbours in a lattice row or column."""
    n = 0
    for t in range(cells.shape[0]):
        n += cells[t, 0] * (cells[t, 1] + 1) + cells[t, 1] * (cells[t, 0] + 1)
    edges = np.empty((n, 2), np.int64)
    n = 0
    for t in range(cells.shape[0]):
        n_a, n_b = cells[t, 0], cells[t, 1]
        for j in range(n_b + 1):
            for i in range(n_a + 1):
                k = node_start[t] + j * (n_a + 1) + i
                if i < n_a:
                    edges[n, 0] = k
                    edges[n, 1] = k + 1
                    n += 1
                if j < n_b:
                    edges[n, 0] = k
                    edges[n, 1] = k + n_a + 1
                    n += 1
    return edges


@njit(cache=True, nogil=True)
def _unit(seed: int, stream: int) -> float:
    """A number in [0, 1) that depends on two whole numbers only (splitmix64)."""
    z = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(stream) * np.uint64(
        0xD1B54A32D192ED03
    )
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) / 9007199254740992.0


@njit(cache=True, nogil=True)
def _sun_meets(point: F4, normal: F4, light: F8, margin_m: float) -> bool:
    """Whether the way from a point to the sun leads through the window or close by."""
    facing = normal[0] * light[10] + normal[1] * light[11] + normal[2] * light[12]
    toward = light[6] * light[10] + light[7] * light[11] + light[8] * light[12]
    if facing <= 0.0 or toward >= -0.05:
        return False
    dx = light[1] - point[0]
    dy = light[2] - point[1]
    dz = light[3] - point[2]
    t = (light[6] * dx + light[7] * dy + light[8] * dz) / toward
    if t < 0.0:
        return False
    hx = t * light[10] - dx
    hy = t * light[11] - dy
    hz = t * light[12] - dz
    across = abs(-light[7] * hx + light[6] * hy)
    return across < light[4] + margin_m and abs(hz) < light[5] + margin_m


@njit(cache=True, nogil=True)
def lit_samples(points: F4, normals: F4, light: F8, threshold: float) -> I8:
    """Samples that a light could reach with at least `threshold`, facing it, in order.

    light: kind (0 lamp, 1 window, 2 sun through a window), centre 3, radius or half width, half
    height, inward 3, strength, direction to the sun 3.
    """
    found = np.empty(points.shape[0], np.int64)
    n = 0
    for s in range(points.shape[0]):
        if light[0] == 2.0:
            if _sun_meets(points[s], normals[s], light, 0.35):
                found[n] = s
                n += 1
            continue
        dx = light[1] - points[s, 0]
        dy = light[2] - points[s, 1]
        dz = light[3] - points[s, 2]
        reach = max(light[4], light[5])
        distance = np.sqrt(dx * dx + dy * dy + dz * dz) + 1e-6
        facing = (dx * normals[s, 0] + dy * normals[s, 1] + dz * normals[s, 2] + reach) / distance
        if facing <= 0.0:
            continue
        if light[0] == 1.0 and dx * light[6] + dy * light[7] + dz * light[8] > -0.02:
            continue
        if light[9] / max(distance * distance, 0.04) < threshold:
            continue
        found[n] = s
        n += 1
    return found[:n].copy()


@njit(cache=True, nogil=True)
def light_rays(
    samples: I8,
    points: F4,
    normals: F4,
    light: F8,
    n_rays: int,
    lift_m: float,
    rays: F4,
    weights: F4,
) -> None:
    """Rays (n * n_rays, 6) from samples to stratified points of a light, and what each would bring.

    The ray parameter 1 is the light's point. weights: irradiance over pi of one ray, for a lamp of
    intensity 1 (inverse square) or a window of radiance 1 (times `sky_share` of its direction).
    """
    side = int(np.sqrt(n_rays))
    for q in range(samples.shape[0]):
        s = samples[q]
        shift_u = _unit(s, 11)
        shift_v = _unit(s, 12)
        for k in range(n_rays):
            u = ((k % side + 0.5) / side + shift_u / side) % 1.0
            v = ((k // side + 0.5) / side + shift_v / side) % 1.0
            row = q * n_rays + k
            ox = points[s, 0] + lift_m * normals[s, 0]
            oy = points[s, 1] + lift_m * normals[s, 1]
            oz = points[s, 2] + lift_m * normals[s, 2]
            if light[0] == 0.0:
                height = 2.0 * u - 1.0
                flat = np.sqrt(max(0.0, 1.0 - height * height)) * light[4]
                angle = 2.0 * np.pi * v
                tx = light[1] + flat * np.cos(angle)
                ty = light[2] + flat * np.sin(angle)
                tz = light[3] + height * light[4]
            elif light[0] == 2.0:
                # a disc of directions around the sun: haze and curtains widen it
                flat = SUN_WIDTH * np.sqrt(u)
                sx = light[10] + flat * np.cos(2.0 * np.pi * v) * light[7]
                sy = light[11] - flat * np.cos(2.0 * np.pi * v) * light[6]
                sz = light[12] + flat * np.sin(2.0 * np.pi * v)
                toward = light[6] * sx + light[7] * sy + light[8] * sz
                ahead = (
                    light[6] * (light[1] - ox)
                    + light[7] * (light[2] - oy)
                    + light[8] * (light[3] - oz)
                )
                t = ahead / min(toward, -1e-3)
                tx = ox + t * sx
                ty = oy + t * sy
                tz = oz + t * sz
            else:
                across = (2.0 * u - 1.0) * light[4]
                tx = light[1] - light[7] * across
                ty = light[2] + light[6] * across
                tz = light[3] + (2.0 * v - 1.0) * light[5]
            dx = tx - ox
            dy = ty - oy
            dz = tz - oz
            rays[row, 0] = ox
            rays[row, 1] = oy
            rays[row, 2] = oz
            rays[row, 3] = dx
            rays[row, 4] = dy
            rays[row, 5] = dz
            distance2 = dx * dx + dy * dy + dz * dz + 1e-9
            distance = np.sqrt(distance2)
            facing = (dx * normals[s, 0] + dy * normals[s, 1] + dz * normals[s, 2]) / distance
            if facing <= 0.0:
                weights[row] = 0.0
            elif light[0] == 0.0:
                weights[row] = facing / max(distance2, NEAREST2_M2) / (np.pi * n_rays)
            elif light[0] == 2.0:
                across = abs(light[6] * (ty - light[2]) - light[7] * (tx - light[1]))
                inside = across < light[4] and abs(tz - light[3]) < light[5]
                weights[row] = facing / n_rays if inside else 0.0
            else:
                leaving = -(dx * light[6] + dy * light[7] + dz * light[8]) / distance
                area = 4.0 * light[4] * light[5]
                rise = dz / distance  # towards the sky or the ground outside
                share = min(max((rise + 0.15) / 0.5, 0.0), 1.0)
                weights[row] = (
                    max(leaving, 0.0)
                    * facing
                    * area
                    * (0.30 + 0.70 * share)
                    / (np.pi * max(distance2, 0.02) * n_rays)
                )


@njit(cache=True, nogil=True)
def add_unblocked(
    samples: I8, n_rays: int, blocked: U1, weights: F4, colour: F8, light: F4
) -> None:
    """Add the unblocked rays' weights times colour (3,) to light (S, 3)."""
    for q in range(samples.shape[0]):
        total = 0.0
        for k in range(n_rays):
            if blocked[q * n_rays + k] == 0:
                total += weights[q * n_rays + k]
        for c in range(3):
            light[samples[q], c] += np.float32(total * colour[c])


@njit(cache=True, nogil=True)
def gather_rays(
    first: int, last: int, points: F4, normals: F4, n_rays: int, lift_m: float, rays: F4
) -> None:
    """Cosine-weighted rays of samples first..last: stratified, turned per sample."""
    for s in range(first, last):
        turn = _unit(s, 21)
        lift = _unit(s, 22)
        nx = normals[s, 0]
        ny = normals[s, 1]
        nz = normals[s, 2]
        if abs(nz) < 0.9:
            tx, ty, tz = -ny, nx, 0.0
        else:
            tx, ty, tz = 0.0, -nz, ny
        length = np.sqrt(tx * tx + ty * ty + tz * tz)
        tx /= length
        ty /= length
        tz /= length
        bx = ny * tz - nz * ty
        by = nz * tx - nx * tz
        bz = nx * ty - ny * tx
        for k in range(n_rays):
            u = ((k + 0.5) / n_rays + lift / n_rays) % 1.0
            angle = 2.0 * np.pi * ((k * 0.6180339887498949 + turn) % 1.0)
            radius = np.sqrt(u)
            up = np.sqrt(max(0.0, 1.0 - u)) + 1e-3
            x = radius * np.cos(angle)
            y = radius * np.sin(angle)
            row = (s - first) * n_rays + k
            rays[row, 0] = points[s, 0] + lift_m * nx
            rays[row, 1] = points[s, 1] + lift_m * ny
            rays[row, 2] = points[s, 2] + lift_m * nz
            rays[row, 3] = x * tx + y * bx + up * nx
            rays[row, 4] = x * ty + y * by + up * ny
            rays[row, 5] = x * tz + y * bz + up * nz


@njit(cache=True, nogil=True)
def nearest_samples(
    hit: I4,
    uv: F4,
    rays: F4,
    normal: F4,
    corner: U1,
    cells: I4,
    node_start: I8,
    sample_of_node: I4,
    found: I4,
) -> None:
    """Sample nearest to each hit; -1 for a miss, -2 for a hit on the back of a triangle."""
    for k in range(hit.shape[0]):
        t = hit[k]
        if t < 0:
            found[k] = -1
            continue
        along = rays[k, 3] * normal[t, 0] + rays[k, 4] * normal[t, 1] + rays[k, 5] * normal[t, 2]
        if along > 0.0:
            found[k] = -2
            continue
        w1 = uv[k, 0]
        w2 = uv[k, 1]
        w0 = np.float32(1.0) - w1 - w2
        if corner[t] == 0:
            a, b = w1, w2
        elif corner[t] == 1:
            a, b = w2, w0
        else:
            a, b = w0, w1
        i = min(max(int(a * cells[t, 0] + 0.5), 0), cells[t, 0])
        j = min(max(int(b * cells[t, 1] + 0.5), 0), cells[t, 1])
        found[k] = sample_of_node[node_start[t] + j * (cells[t, 0] + 1) + i]


@njit(cache=True, nogil=True)
def gather(
    n_rays: int,
    found: I4,
    hit: I4,
    albedo: F4,
    emission: F4,
    see_emission: U1,
    light: F4,
    miss: F8,
    result: F4,
) -> None:
    """One bounce: mean over the rays of each sample of what the hit surfaces send back.

    found, hit (S * n_rays,): sample and triangle of the hit; albedo, emission (T, 3); light (S, 3)
    irradiance over pi; see_emission (S,): whether glowing triangles count; miss (3,):
    beyond the house.
    """
    for s in range(result.shape[0]):
        for c in range(3):
            total = 0.0
            for k in range(s * n_rays, (s + 1) * n_rays):
                if found[k] >= 0:
                    t = hit[k]
                    total += albedo[t, c] * light[found[k], c]
                    if see_emission[s] == 1:
                        total += emission[t, c]
                elif found[k] == -1:
                    total += miss[c]
            result[s, c] = np.float32(total / n_rays)


@njit(cache=True, nogil=True)
def smooth(values: F4, low: I8, high: I8, share: F4, n_steps: int) -> None:
    """Mix values (S, 3) in place with the mean of their neighbours, share (S,) of it each step.

    low, high (E,): pairs of neighbours.
    """
    n = values.shape[0]
    count = np.zeros(n, np.float32)
    for e in range(low.shape[0]):
        count[low[e]] += np.float32(1.0)
        count[high[e]] += np.float32(1.0)
    total = np.empty((n, 3), np.float32)
    for _ in range(n_steps):
        total[:] = np.float32(0.0)
        for e in range(low.shape[0]):
            a = low[e]
            b = high[e]
            for c in range(3):
                total[a, c] += values[b, c]
                total[b, c] += values[a, c]
        for s in range(n):
            if count[s] > 0.0:
                for c in range(3):
                    mean = total[s, c] / count[s]
                    values[s, c] += share[s] * (mean - values[s, c])
