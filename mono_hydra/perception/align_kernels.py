"""Loops over pixels of the aligner: which plane a pixel lies on, and what moves its depth.

A plane is a row of 12 numbers in the camera's frame: normal (3), direction along it (3), distance
of the camera, variance of its ln depth, lowest and highest place along it as seen from the camera,
kind, index.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mono_hydra.types import F4, F8, I4, U1, Bool

MIN_RATIO, MAX_RATIO = 0.6, 1.6  # depth of a pixel over depth of a plane it may lie on
# odds that a structure pixel within reach of a learnt plane lies on it, floors and walls; those
# that do not lie evenly over three standard deviations to each side
ODDS_LEVEL, ODDS_WALL = 30.0, 6.0
OFF_DENSITY = math.sqrt(2.0 * math.pi) / 6.0  # of the others, in units of the plane's peak
GROWTH_M = 0.7  # how far beyond its known extent a wall may go on
UNSEEN = 3.0  # squared deviations that it must be nearer by there than another wall
FACING = 0.87  # cosine between the normals of a pixel and its plane that says nothing
PER_TURN = 20.0  # squared deviations per cosine less
CLEARLY = 4.0  # squared deviations by which the nearest plane must be nearer


@njit(cache=True, nogil=True, error_model="numpy")
def _two_nearest(
    x: float,
    y: float,
    depth_m: float,
    kind: int,
    error: float,
    variance: float,
    fx: float,
    fy: float,
    fz: float,
    planes: F8,
    attached: F8,
    gate: float,
) -> tuple[int, int, float, float]:
    """Rows of the nearest and the second nearest plane, -1 for none, and their squared distances.

    Distances in standard deviations of ln depth. The rows lie on different planes. (fx, fy, fz)
    is the pixel's own normal, zero where it has none: a plane turned away from it is further off.
    """
    wanted = 2 if kind == 3 else kind
    first, second = -1, -1
    cost, next_cost = gate * gate, gate * gate
    guess = depth_m * math.exp(-error)
    apart = attached[kind] * attached[kind]
    beyond = 0.0
    for p in range(planes.shape[0]):
        if planes[p, 10] != wanted:
            continue
        slope = -(planes[p, 0] * x + planes[p, 1] * y + planes[p, 2])
        distance = planes[p, 6]
        ratio = guess * slope / distance
        if not (MIN_RATIO < ratio < MAX_RATIO):
            continue
        if wanted == 2:
            along = (planes[p, 3] * x + planes[p, 4] * y + planes[p, 5]) * distance
            beyond = max(planes[p, 8] * slope - along, along - planes[p, 9] * slope)
            if beyond > GROWTH_M * slope:
                continue
        off = 2.0 * (ratio - 1.0) / (ratio + 1.0)  # the logarithm, to two in a hundred
        c = off * off / (variance + planes[p, 7] + apart / (distance * distance))
        turned = fx * planes[p, 0] + fy * planes[p, 1] + fz * planes[p, 2]
        if wanted == 2 and beyond > 0.0:
            c += UNSEEN
        if turned < FACING and (fx != 0.0 or fz != 0.0):
            c += (FACING - turned) * PER_TURN
        if c < cost:
            if first < 0 or planes[first, 11] != planes[p, 11]:
                second, next_cost = first, cost
            first, cost = p, c
        elif c < next_cost and planes[first, 11] != planes[p, 11]:
            second, next_cost = p, c
    return first, second, cost, next_cost


@njit(cache=True, nogil=True, error_model="numpy")
def face(depth_m: F4, k_px: F8, facing: F4) -> None:
    """Normals (H, W, 3) of the surface in the camera's frame, towards it; zero at its edges."""
    height, width = depth_m.shape
    step_x, step_y = 1.0 / k_px[0], 1.0 / k_px[1]
    for row in range(height):
        y = (row - k_px[3]) * step_y
        for column in range(width):
            facing[row, column, :] = 0.0
            if row == 0 or column == 0 or row == height - 1 or column == width - 1:
                continue
            d = depth_m[row, column]
            left, right = depth_m[row, column - 1], depth_m[row, column + 1]
            above, below = depth_m[row - 1, column], depth_m[row + 1, column]
            nearest = min(min(left, right), min(above, below))
            if not (nearest > 0.8 * d and max(max(left, right), max(above, below)) < 1.25 * d):
                continue
            x = (column - k_px[2]) * step_x
            # the two tangents are (x u + d', y u, u) and (x v, y v + d', v)
            u, v = right - left, below - above
            across = (left + right) * step_x
            down = (above + below) * step_y
            nx, ny = -u * down, -v * across
            nz = across * down + x * u * down + y * v * across
            size = math.sqrt(nx * nx + ny * ny + nz * nz)
            sign = -1.0 if nx * x + ny * y + nz > 0.0 else 1.0
            facing[row, column, 0] = sign * nx / size
            facing[row, column, 1] = sign * ny / size
            facing[row, column, 2] = sign * nz / size


@njit(cache=True, nogil=True, error_model="numpy")
def assign(
    depth_m: F4,
    sigma: F4,
    kind: I4,
    facing: F4,
    k_px: F8,
    planes: F8,
    attached_m: F8,
    gate: float,
    plane_of_pixel: I4,
    residual: F4,
    near_corner: Bool,
    met: Bool,
) -> None:
    """The plane of each pixel, -1 for none, and ln(depth / depth of the plane).

    kind (H, W): 0 floor, 1 ceiling, 2 wall, 3 hangs on a wall, -1 none. near_corner (H, W) is true
    where the pixel might as well lie on a plane that is not parallel. met (P,) turns true for
    planes that some pixel may lie on.
    """
    height, width = depth_m.shape
    for row in range(height):
        y = (row - k_px[3]) / k_px[1]
        for column in range(width):
            plane_of_pixel[row, column] = -1
            near_corner[row, column] = False
            k, d = kind[row, column], float(depth_m[row, column])
            if k < 0 or d <= 0.0:
                continue
            x = (column - k_px[2]) / k_px[0]
            s = float(sigma[row, column])
            first, second, cost, next_cost = _two_nearest(
                x,
                y,
                d,
                k,
                0.0,
                s * s,
                facing[row, column, 0],
                facing[row, column, 1],
                facing[row, column, 2],
                planes,
                attached_m,
                gate,
            )
            if first < 0:
                continue
            met[first] = True
            if second >= 0:
                met[second] = True
                turned = (
                    planes[first, 0] * planes[second, 0]
                    + planes[first, 1] * planes[second, 1]
                    + planes[first, 2] * planes[second, 2]
                ) < 0.9
                near_corner[row, column] = turned and next_cost < cost + CLEARLY
            slope = -(planes[first, 0] * x + planes[first, 1] * y + planes[first, 2])
            plane_of_pixel[row, column] = int(planes[first, 11])
            residual[row, column] = math.log(d * slope / planes[first, 6])


@njit(cache=True, nogil=True, error_model="numpy")
def draw(
    depth_m: F4,
    sigma: F4,
    labels: U1,
    kind_of_label: I4,
    k_px: F8,
    planes: F8,
    attached_m: F8,
    gate: float,
    base_sigma: float,
    stride: int,
    grid_depth_m: F4,
    grid_facing: F4,
    grid_error: F4,
    grid_share: F4,
    drawn_m: F4,
    drawn_sigma: F4,
) -> None:
    """Depth without its known error; pixels on a plane are drawn to it by both variances.

    Up to base_sigma the error of ln depth is smooth; it and the share that is left of its variance
    are read between the points of a grid of every stride-th pixel. A pixel that could lie on two
    planes is drawn to the nearer one, and the doubt enters its sigma.
    """
    height, width = depth_m.shape
    rows, columns = grid_depth_m.shape
    base = base_sigma * base_sigma
    step_x, step_y, per_stride = 1.0 / k_px[0], 1.0 / k_px[1], 1.0 / stride
    for row in range(height):
        y = (row - k_px[3]) * step_y
        g0 = row // stride
        g1 = min(g0 + 1, rows - 1)
        fy = row * per_stride - g0
        for column in range(width):
            d = float(depth_m[row, column])
            if d <= 0.0:
                continue
            h0 = column // stride
            h1 = min(h0 + 1, columns - 1)
            fx = column * per_stride - h0
            total, error, share = 1e-9, 0.0, 1e-9
            best, nearest_g, nearest_h = -1.0, g0, h0
            for corner in range(4):
                g, h = (g1 if corner & 2 else g0), (h1 if corner & 1 else h0)
                ratio = grid_depth_m[g, h] / d
                if not (0.9 < ratio < 1.1):  # another surface, or unknown
                    continue
                w = (fy if corner & 2 else 1.0 - fy) * (fx if corner & 1 else 1.0 - fx) + 1e-6
                total += w
                if w > best:
                    best, nearest_g, nearest_h = w, g, h
                error += w * grid_error[g, h]
                share += w * grid_share[g, h]
            error, share = error / total, share / total
            s = float(sigma[row, column])
            # what a pixel is less sure of than its view is no smooth error, and stays
            smooth = min(s * s, base)
            variance = smooth * share + s * s - smooth
            kind = kind_of_label[labels[row, column]]
            if kind >= 0:
                x = (column - k_px[2]) * step_x
                first, second, cost, next_cost = _two_nearest(
                    x,
                    y,
                    d,
                    kind,
                    error,
                    variance,
                    grid_facing[nearest_g, nearest_h, 0],
                    grid_facing[nearest_g, nearest_h, 1],
                    grid_facing[nearest_g, nearest_h, 2],
                    planes,
                    attached_m,
                    gate,
                )
                if first >= 0:
                    apart = attached_m[kind] * attached_m[kind]
                    distance = planes[first, 6]
                    plane = planes[first, 7] + apart / (distance * distance)
                    slope = -(planes[first, 0] * x + planes[first, 1] * y + planes[first, 2])
                    off = math.log(d * slope / distance) - error
                    on = (ODDS_LEVEL if kind < 2 else ODDS_WALL) * math.exp(-0.5 * cost)
                    on /= on + OFF_DENSITY
                    pull = variance / (variance + plane)
                    left = variance * (1.0 - pull)
                    if second >= 0:
                        distance = planes[second, 6]
                        other = planes[second, 7] + apart / (distance * distance)
                        slope = -(planes[second, 0] * x + planes[second, 1] * y + planes[second, 2])
                        other_off = math.log(d * slope / distance) - error
                        other_pull = variance / (variance + other)
                        odds = math.exp(0.5 * (cost - next_cost))
                        odds *= math.sqrt((variance + plane) / (variance + other))
                        between = pull * off - other_pull * other_off
                        left += odds / (1.0 + odds) * between * between
                    moved = on * pull * off
                    # two hypotheses: on the plane, or on none
                    variance = on * (left + (pull * off - moved) ** 2) + (1.0 - on) * (
                        variance + moved * moved
                    )
                    error += moved
            drawn_m[row, column] = d * math.exp(-error)
            drawn_sigma[row, column] = math.sqrt(variance)


@njit(cache=True, nogil=True, error_model="numpy")
def direction_scores(x_m: F8, y_m: F8, weights: F8, bin_m: float, n_angles: int) -> F8:
    """How sharply points (N,) of walls gather on lines of two directions at right angles."""
    scores = np.zeros(n_angles)
    reach = 0.0
    for i in range(len(x_m)):
        reach = max(reach, abs(x_m[i]) + abs(y_m[i]))
    n_bins = int(2 * reach / bin_m) + 3
    per_m = 1.0 / bin_m
    u = np.empty(n_bins)
    v = np.empty(n_bins)
    for a in range(n_angles):
        angle = 0.5 * math.pi * a / n_angles
        cosine, sine = math.cos(angle) * per_m, math.sin(angle) * per_m
        u[:] = 0.0
        v[:] = 0.0
        middle = reach * per_m
        for i in range(len(x_m)):
            u[int(cosine * x_m[i] + sine * y_m[i] + middle)] += weights[i]
            v[int(cosine * y_m[i] - sine * x_m[i] + middle)] += weights[i]
        total = 0.0
        for b in range(n_bins):
            total += u[b] * u[b] + v[b] * v[b]
        scores[a] = total
    return scores
