"""Small recordings of every layout, written by the tests: a camera walks along a wall 2 m away."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np

from mono_hydra.geometry import se3
from mono_hydra.sequences.sens_file import (
    COLOR_JPEG,
    COLOR_PNG,
    COLOR_RAW,
    DEPTH_RAW,
    DEPTH_ZLIB,
    IMU_ROW,
    SensHeader,
    write_sens,
)
from mono_hydra.types import F8, U1

SIZE = (64, 48)
DEPTH_MM = 2000
N = 5
# camera looks along world +y, its up is world +z
R_WORLD_CAMERA = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def pose(index: int) -> F8:
    """T_world_camera of frame `index`: 10 cm to the right each frame."""
    return se3.from_rt(R_WORLD_CAMERA, np.array([0.1 * index, 0.0, 1.4]))


def picture(index: int, size: tuple[int, int] = SIZE) -> U1:
    """A smooth picture whose red tells the index."""
    u = np.linspace(0, 200, size[0]).astype(np.uint8)
    image = np.zeros((size[1], size[0], 3), np.uint8)
    image[..., 0] = 20 * index
    image[..., 1] = u
    return image


def depth_raw(size: tuple[int, int] = SIZE, value: int = DEPTH_MM) -> np.ndarray:
    """Flat wall with one hole of each kind."""
    raw = np.full((size[1], size[0]), value, np.uint16)
    raw[0, 0] = 0
    raw[0, 1] = 65535
    return raw


def write_picture(path: Path, image: np.ndarray) -> None:
    """Write RGB or single-channel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


def packed(suffix: str, image: np.ndarray) -> bytes:
    """Bytes of a picture file."""
    return cv2.imencode(suffix, image[..., ::-1] if image.ndim == 3 else image)[1].tobytes()


def matrix_text(T: np.ndarray) -> str:
    """Rows of numbers."""
    return "\n".join(" ".join(f"{v:.9g}" for v in row) for row in T) + "\n"


def plain_folder(root: Path, n: int = N) -> Path:
    """color/, depth/, K.txt, poses.txt."""
    for i in range(n):
        write_picture(root / "color" / f"{i:05d}.png", picture(i))
        write_picture(root / "depth" / f"{i:05d}.png", depth_raw())
    (root / "K.txt").write_text(matrix_text(np.array([[60, 0, 31.5], [0, 60, 23.5], [0, 0, 1]])))
    rows = [f"{i:05d} " + " ".join(f"{v:.9g}" for v in pose(i).ravel()) for i in range(n)]
    (root / "poses.txt").write_text("# name T_world_camera\n" + "\n".join(rows) + "\n")
    return root


def seven_scenes(root: Path, n: int = 3) -> Path:
    """One sequence of the set's size; the wall is 2 m from the depth camera."""
    for i in range(n):
        stem = root / "seq-01" / f"frame-{5 * i:06d}"
        write_picture(stem.with_name(stem.name + ".color.png"), picture(i, (640, 480)))
        write_picture(stem.with_name(stem.name + ".depth.png"), depth_raw((640, 480)))
        stem.with_name(stem.name + ".pose.txt").write_text(matrix_text(pose(i)))
    return root


def tum(root: Path, n: int = N, *, depth_late_s: float = 0.005) -> Path:
    """rgb.txt, depth.txt, groundtruth.txt at 100 Hz."""
    rgb, depth, truth = ["# stamp file"], ["# stamp file"], ["# stamp tx ty tz qx qy qz qw"]
    q = se3.quat_xyzw_from_matrix(R_WORLD_CAMERA)
    for i in range(n):
        stamp_s = 1000.0 + i / 30.0
        write_picture(root / "rgb" / f"{stamp_s:.6f}.png", picture(i))
        write_picture(root / "depth" / f"{i}.png", depth_raw(value=10000))
        rgb.append(f"{stamp_s:.6f} rgb/{stamp_s:.6f}.png")
        depth.append(f"{stamp_s + depth_late_s:.6f} depth/{i}.png")
    for k in range(-5, 40):
        stamp_s = 1000.003 + k / 100.0
        x = 3.0 * (stamp_s - 1000.0)  # 10 cm a frame
        truth.append(f"{stamp_s:.6f} {x:.6f} 0 1.4 " + " ".join(f"{v:.9g}" for v in q))
    (root / "rgb.txt").write_text("\n".join(rgb))
    (root / "depth.txt").write_text("\n".join(depth))
    (root / "groundtruth.txt").write_text("\n".join(truth))
    (root / "calibration.yaml").write_text("fx: 60\nfy: 60\ncx: 31.5\ncy: 23.5\n")
    return root


def euroc(root: Path, n: int = N) -> Path:
    """mav0 with a camera turned against the body, IMU at rest, ground truth of the body."""
    cam, imu, truth = (root / "mav0" / p for p in ("cam0", "imu0", "state_groundtruth_estimate0"))
    for folder in (cam / "data", imu, truth):
        folder.mkdir(parents=True)
    rows = ["#timestamp [ns],filename"]
    states = ["#timestamp, p x y z, q w x y z"]
    for i in range(n):
        stamp_ns = 1_400_000_000_000_000_000 + i * 50_000_000
        write_picture(cam / "data" / f"{stamp_ns}.png", picture(i)[..., 1])
        rows.append(f"{stamp_ns},{stamp_ns}.png")
        states.append(f"{stamp_ns},{0.1 * i:.6f},0,1.4,1,0,0,0,0,0,0")
    (cam / "data.csv").write_text("\n".join(rows))
    (truth / "data.csv").write_text("\n".join(states))
    imu_rows = [
        f"{1_400_000_000_000_000_000 + k * 5_000_000},0.01,0,0,0.0,0.0,9.81" for k in range(40)
    ]
    (imu / "data.csv").write_text("#t,w,w,w,a,a,a\n" + "\n".join(imu_rows))
    T = se3.from_rt(R_WORLD_CAMERA, np.zeros(3))
    (cam / "sensor.yaml").write_text(
        "%YAML:1.0\nT_BS:\n  cols: 4\n  rows: 4\n  data: "
        f"{[float(v) for v in T.ravel()]}\nresolution: [64, 48]\ncamera_model: pinhole\n"
        "intrinsics: [60.0, 60.0, 31.5, 23.5]\ndistortion_model: radial-tangential\n"
        "distortion_coefficients: [-0.1, 0.01, 0.0, 0.0]\n"
    )
    return root


def sens(
    path: Path,
    n: int = N,
    *,
    version: int = 4,
    color_code: int = COLOR_JPEG,
    depth_code: int = DEPTH_ZLIB,
    imu: np.ndarray | None = None,
    stamped: bool = True,
    depth_late_us: int = 3000,
) -> Path:
    """A `.sens` of a 64x48 colour and a 32x24 depth camera; the last pose is lost."""
    K_color, K_depth = np.eye(4), np.eye(4)
    K_color[[0, 1, 0, 1], [0, 1, 2, 2]] = 60.0, 60.0, 31.5, 23.5
    K_depth[[0, 1, 0, 1], [0, 1, 2, 2]] = 30.0, 30.0, 15.5, 11.5
    header = SensHeader(
        SIZE, (32, 24), K_color, K_depth, color_code=color_code, depth_code=depth_code,
        version=version,
    )  # fmt: skip
    suffix = {COLOR_PNG: ".png", COLOR_JPEG: ".jpg"}.get(color_code)
    frames = []
    for i in range(n):
        color = picture(i).tobytes() if color_code == COLOR_RAW else packed(str(suffix), picture(i))
        raw = depth_raw((32, 24)).tobytes()
        depth = raw if depth_code == DEPTH_RAW else zlib.compress(raw)
        T = np.full((4, 4), -np.inf) if i == n - 1 else pose(i)
        stamp_us = 5_000_000 + i * 33_333 if stamped else 0
        frames.append((T, stamp_us, stamp_us + depth_late_us * stamped, color, depth))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sens(path, header, frames, imu)
    return path


def sens_imu(n: int = 50, *, scale: float = 1.0, sign: float = 1.0) -> np.ndarray:
    """IMU rows at rest, the body's z up: |a| = `scale`; `sign` -1 points along gravity."""
    rows = np.zeros(n, IMU_ROW)
    rows["stamp_us"] = 5_000_000 + 10_000 * np.arange(n)
    rows["values"][:, 0, 2] = 0.02
    rows["values"][:, 1, 2] = sign * scale
    rows["values"][:, 4, 2] = -1.0
    return rows


def scannet_export(root: Path, n: int = N) -> Path:
    """color/, depth/, pose/, intrinsic/, label-filt/ and the label map."""
    K = np.eye(4)
    K[[0, 1, 0, 1], [0, 1, 2, 2]] = 60.0, 60.0, 31.5, 23.5
    K_depth = np.eye(4)
    K_depth[[0, 1, 0, 1], [0, 1, 2, 2]] = 30.0, 30.0, 15.5, 11.5
    for i in range(n):
        write_picture(root / "color" / f"{i}.jpg", picture(i))
        write_picture(root / "depth" / f"{i}.png", depth_raw((32, 24)))
        write_picture(root / "label-filt" / f"{i}.png", np.full((48, 64), 1163, np.uint16))
        (root / "pose").mkdir(exist_ok=True)
        T = np.full((4, 4), -np.inf) if i == n - 1 else pose(i)
        (root / "pose" / f"{i}.txt").write_text(matrix_text(T))
    (root / "intrinsic").mkdir()
    (root / "intrinsic" / "intrinsic_color.txt").write_text(matrix_text(K))
    (root / "intrinsic" / "intrinsic_depth.txt").write_text(matrix_text(K_depth))
    (root / "scannetv2-labels.combined.tsv").write_text(
        "id\traw_category\tnyu40id\n1\twall\t1\n1163\tobject\t40\n2\tchair\t5\n"
    )
    return root
