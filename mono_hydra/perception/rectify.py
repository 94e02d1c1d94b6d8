"""Bring pictures, depth and labels of any camera onto one pinhole grid.

Colour is averaged over the area a pixel covers; depth and labels take the nearest sample, because
a mean of two surfaces lies on neither.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_hydra.geometry.camera import pixel_rays, project
from mono_hydra.types import F4, U1, Camera


def rectified_camera(camera: Camera, image_width: int) -> Camera:
    """The pinhole camera of that width with the same optical axis and focal length per width.

    At a whole-number reduction its pixel centres fall on pixel centres of the source, so that
    nearest sampling moves nothing.
    """
    width = min(image_width, camera.width)
    height = max(1, round(camera.height * width / camera.width))
    ratio = camera.width / width
    target = camera.pinhole().resized(width, height)
    if camera.width % width or camera.height % height or camera.height // height != ratio:
        return target
    first = (int(ratio) - 1) // 2
    return replace(target, cx=(camera.cx - first) / ratio, cy=(camera.cy - first) / ratio)


def rectify_rgb(rgb: U1, camera: Camera, target: Camera) -> U1:
    """(h, w, 3) picture as the pinhole camera `target` sees it; black where it looks beyond."""
    if camera == target:
        return rgb
    shrink = camera.width // target.width
    if shrink > 1:  # average first: bilinear sampling alone would alias
        size = (camera.width // shrink, camera.height // shrink)
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        camera = camera.resized(*size)
    map_x, map_y = _maps(camera, target)
    return np.asarray(cv2.remap(rgb, map_x, map_y, cv2.INTER_LINEAR), dtype=np.uint8)


def rectify_depth(depth_m: F4, camera: Camera, target: Camera) -> F4:
    """(h, w) depth at the nearest samples, 0 where unknown.

    Both cameras look along the same axis, so depth along it keeps its value.
    """
    return np.asarray(_nearest(depth_m, camera, target), dtype=np.float32)


def rectify_labels(labels: U1, camera: Camera, target: Camera) -> U1:
    """(h, w) label ids at the nearest samples; `labels` may have any size of the camera's view."""
    height, width = labels.shape
    if (width, height) != (camera.width, camera.height):
        camera = camera.resized(width, height)
    return np.asarray(_nearest(labels, camera, target), dtype=np.uint8)


def _nearest(image: NDArray[np.generic], camera: Camera, target: Camera) -> NDArray[np.generic]:
    if camera == target:
        return image
    rows, columns, seen = _indices(camera, target)
    return np.where(seen, image[rows, columns], np.zeros((), image.dtype))


@lru_cache(maxsize=16)
def _maps(camera: Camera, target: Camera) -> tuple[F4, F4]:
    """Source pixel of every target pixel; far outside where the source does not see it."""
    pixels = project(camera, pixel_rays(target))
    pixels = np.nan_to_num(pixels, nan=-1e4).clip(-1e4, 1e5).astype(np.float32)
    return np.ascontiguousarray(pixels[..., 0]), np.ascontiguousarray(pixels[..., 1])


@lru_cache(maxsize=16)
def _indices(
    camera: Camera, target: Camera
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    map_x, map_y = _maps(camera, target)
    columns = np.floor(map_x + np.float32(0.5)).astype(np.intp)
    rows = np.floor(map_y + np.float32(0.5)).astype(np.intp)
    seen = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
    return rows.clip(0, camera.height - 1), columns.clip(0, camera.width - 1), seen
