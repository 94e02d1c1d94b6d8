"""Slow, obvious twin of the fusion kernel: one voxel at a time, one keyframe at a time."""

from __future__ import annotations

import numpy as np

from mono_hydra.geometry import se3
from mono_hydra.mapping.volume import _ODDS, Volume
from mono_hydra.mapping.volume_kernels import unpack
from mono_hydra.types import Keyframe


def slope_of(depth: np.ndarray, camera, u: int, v: int) -> float:
    """|n . r| from the four neighbours two pixels away, 1 at borders and depth edges."""
    h, w = depth.shape
    if not (2 <= u < w - 2 and 2 <= v < h - 2):
        return 1.0

    def point(uu: int, vv: int) -> np.ndarray:
        z = float(depth[vv, uu])
        return np.array([(uu - camera.cx) / camera.fx, (vv - camera.cy) / camera.fy, 1.0]) * z

    d = float(depth[v, u])
    du, dv = depth[v, u + 2] - depth[v, u - 2], depth[v + 2, u] - depth[v - 2, u]
    if abs(du) >= 0.3 * d or abs(dv) >= 0.3 * d:
        return 1.0
    ray = point(u, v) / d
    # the plane with these depth gradients at the pixel
    along_u = ray * du / 4 + np.array([d / camera.fx, 0, 0])
    along_v = ray * dv / 4 + np.array([0, d / camera.fy, 0])
    normal = np.cross(along_u, along_v)
    return float(np.clip(abs(normal @ ray) / np.linalg.norm(normal), 0.25, 1.5))


def block(
    key: int, volume: Volume, keyframes: list[Keyframe]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signed distance, weight and best label (512,) of one block after fusing the keyframes."""
    config, first = (
        volume.config,
        int(volume.blocks.first_of_slot[volume.blocks.find(np.array([key]))[0]]),
    )
    corner = unpack(np.array([key]))[0] * 8
    sdf, weight, votes = np.zeros(512), np.zeros(512), [dict[int, float]() for _ in range(512)]
    for n in range(512):
        center = (corner + [n >> 6, n >> 3 & 7, n & 7] + 0.5) * config.voxel_size_m
        for keyframe in keyframes[first:]:
            camera, (h, w) = keyframe.camera, keyframe.depth_m.shape
            x, y, z = se3.transform(se3.inverse(keyframe.T_world_camera), center[None])[0]
            if not config.min_range_m <= z <= config.max_range_m:
                continue
            u, v = (
                int(np.floor(camera.fx * x / z + camera.cx + 0.5)),
                int(np.floor(camera.fy * y / z + camera.cy + 0.5)),
            )
            if not (0 <= u < w and 0 <= v < h):
                continue
            slope = slope_of(keyframe.depth_m, camera, u, v)
            d = float(keyframe.depth_m[v, u])
            s = (d - z) * slope
            if s < -volume.behind_m:
                continue
            relative = keyframe.depth_sigma[v, u] * d / (0.5 * config.voxel_size_m)
            p = min(1.0, slope) / (1 + relative**2)
            if s < 0:
                p *= 1 + s / volume.behind_m
            s = min(s, volume.front_m)
            sdf[n] = (sdf[n] * weight[n] + s * p) / (weight[n] + p)
            weight[n] = weight[n] + p
            if s < volume.front_m:
                label = int(keyframe.labels[v, u])
                e = (
                    _ODDS[round(float(keyframe.confidence[v, u]) * 255)]
                    * p
                    * max(1 - abs(s) / (1.5 * config.voxel_size_m), 0.05) ** 2
                )
                votes[n][label] = votes[n].get(label, 0.0) + e
    best = np.array([max(v, key=v.get, default=0) for v in votes])
    return sdf, weight, best
