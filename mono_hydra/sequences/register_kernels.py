"""Forward warp of a depth image into another pinhole camera."""

from __future__ import annotations

import math

from numba import njit

from mono_hydra.types import F4, F8

FOOTPRINT = 1.15  # wider than the pixel: slanted surfaces and quantised depth spread samples apart


@njit(cache=True, nogil=True)
def register(depth_m: F4, k_in: F8, T_out_in: F8, k_out: F8, out_m: F4) -> None:
    """depth_m (H, W) -> out_m (h, w), zeroed by the caller; k = fx, fy, cx, cy; T (4, 4).

    A pixel covers the area between its projected corners, widened a little against gaps.
    """
    height, width = depth_m.shape
    h_out, w_out = out_m.shape
    for v in range(height):
        for u in range(width):
            z = depth_m[v, u]
            if z <= 0.0:
                continue
            x = (u - k_in[2]) / k_in[0] * z
            y = (v - k_in[3]) / k_in[1] * z
            x_out = T_out_in[0, 0] * x + T_out_in[0, 1] * y + T_out_in[0, 2] * z + T_out_in[0, 3]
            y_out = T_out_in[1, 0] * x + T_out_in[1, 1] * y + T_out_in[1, 2] * z + T_out_in[1, 3]
            z_out = T_out_in[2, 0] * x + T_out_in[2, 1] * y + T_out_in[2, 2] * z + T_out_in[2, 3]
            if z_out <= 1e-3:
                continue
            u_mid = k_out[0] * x_out / z_out + k_out[2]
            v_mid = k_out[1] * y_out / z_out + k_out[3]
            half_u = 0.5 * FOOTPRINT * k_out[0] / k_in[0] * z / z_out
            half_v = 0.5 * FOOTPRINT * k_out[1] / k_in[1] * z / z_out
            u_first = max(0, math.ceil(u_mid - half_u))
            v_first = max(0, math.ceil(v_mid - half_v))
            u_last = min(w_out - 1, math.ceil(u_mid + half_u) - 1)
            v_last = min(h_out - 1, math.ceil(v_mid + half_v) - 1)
            for row in range(v_first, v_last + 1):
                for column in range(u_first, u_last + 1):
                    before = out_m[row, column]
                    if before == 0.0 or z_out < before:
                        out_m[row, column] = z_out
