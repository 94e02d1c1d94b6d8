"""Made-up samples and files that several tests share."""

import cv2
import numpy as np

from m2h.types import Intrinsics, Sample

K = Intrinsics(60.0, 60.0, 39.5, 29.5)


def plane_depth(normal=(0.2, -0.3, -1.0), distance_m=2.0, height=60, width=80, k=K):
    """Depth of a plane and its unit normal towards the camera."""
    v, u = np.mgrid[:height, :width]
    rays = np.stack([(u - k.cx) / k.fx, (v - k.cy) / k.fy, np.ones_like(u, float)], axis=-1)
    unit = np.array(normal) / np.linalg.norm(normal)
    return (-distance_m / (rays @ unit)).astype(np.float32), unit


def made_sample(seed=0, source="simulated", height=60, width=80):
    """A sample with every kind of truth; the image's red is the column, its green the row."""
    rng = np.random.default_rng(seed)
    depth_m, unit = plane_depth(height=height, width=width)
    v, u = np.mgrid[:height, :width]
    image = np.stack([u, v, rng.integers(0, 255, (height, width))], axis=-1).astype(np.uint8)
    return Sample(
        source=source,
        name=f"{source}{seed}",
        image=image,
        intrinsics=K,
        depth_m=depth_m,
        labels=(1 + (u // 20)).astype(np.uint8),
        normals=np.broadcast_to(unit, (height, width, 3)).astype(np.float32),
        edges=(u % 20 < 3).astype(np.uint8),
        teacher=(u // 20).astype(np.uint8),
    )


def photo_of(seed=0, height=48, width=64):
    """A picture that JPEG hardly changes."""
    rng = np.random.default_rng(seed)
    small = rng.integers(40, 220, (6, 8, 3)).astype(np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def write_image(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = image[..., ::-1] if image.ndim == 3 else image
    assert cv2.imwrite(str(path), stored)
