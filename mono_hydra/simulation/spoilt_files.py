"""Faults made in the files of a whole sequence: missing, doubled, broken or wrong entries."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import yaml

from mono_hydra.files.atomic import write_text
from mono_hydra.simulation.sequence_files import write_sequence_card
from mono_hydra.types import F4, U1

DROPPED = 0.2
DISORDERED = 0.01
N_CORRUPT = 10
FX_ERROR = 1.02
CAMERA_LATE_S = 0.020
NOISE_FACTOR = 5.0
SPIKES = 0.05
SPIKE_RAD_S, SPIKE_M_S2 = 8.0, 60.0
KEPT_FRAMES = {"empty": 0, "one_frame": 1, "two_frames": 2}


def spoil_files(
    folder: Path, name: str, span_s: tuple[float, float], rng: np.random.Generator
) -> None:
    """Put the fault `name` into the files of a sequence, between two moments."""
    if name in KEPT_FRAMES or name in ("drop_frames", "gap_frames", "stamps_disorder"):
        _spoil_images_table(folder / "images.csv", name, span_s, rng)
    elif name == "corrupt_image":
        _corrupt_images(folder, span_s, rng)
    elif name == "intrinsics":
        card = yaml.safe_load((folder / "sequence.yaml").read_text(encoding="utf-8"))
        card["camera"]["fx"] *= FX_ERROR
        card.pop("schema")
        write_sequence_card(folder / "sequence.yaml", card)
    else:
        _spoil_imu(folder, name, span_s, rng)


def hand_over_lens(rgb: U1, stamp_s: float, span_s: tuple[float, float]) -> U1:
    """The picture with a blurred hand that comes over it within 0.4 s, and leaves so."""
    if not span_s[0] <= stamp_s < span_s[1]:
        return rgb
    height, width = rgb.shape[:2]
    cover = min(1.0, (stamp_s - span_s[0] + 0.1) / 0.4, (span_s[1] - stamp_s + 0.1) / 0.4)
    mask: F4 = np.zeros((height, width), np.float32)
    top = height * (1.05 - 1.15 * cover)
    for k in range(4):  # fingers, close together, from below
        x = width * (0.1 + 0.27 * k)
        tip, foot = (int(x), int(top)), (int(x + 0.05 * width), int(1.2 * height))
        cv2.line(mask, tip, foot, 1.0, max(3, int(0.24 * width)))
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.035 * width), np.float32)
    sway = 6.0 * np.sin(2 * np.pi * 1.3 * stamp_s)
    shade = np.linspace(1.1, 0.7, width, dtype=np.float32)[None, :, None]
    skin = np.array([74.0 + sway, 42.0 + 0.6 * sway, 32.0 + 0.5 * sway], np.float32) * shade
    mixed = rgb * (1.0 - mask[..., None]) + skin * mask[..., None]
    return np.asarray(np.clip(mixed + 0.5, 0, 255), np.uint8)


def _spoil_images_table(
    path: Path, name: str, span_s: tuple[float, float], rng: np.random.Generator
) -> None:
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    stamps = np.array([float(row.split(",")[0]) for row in rows])
    inside = np.flatnonzero((stamps >= span_s[0]) & (stamps < span_s[1]))
    if name in KEPT_FRAMES:
        rows = rows[: KEPT_FRAMES[name]]
    elif name == "stamps_disorder":
        n = max(2, round(DISORDERED * len(rows)))
        chosen = rng.choice(inside[1:-1], min(n, max(len(inside) - 2, 1)), replace=False)
        for count, k in enumerate(sorted((int(k) for k in chosen), reverse=True)):
            if count % 2:
                rows[k], rows[k - 1] = rows[k - 1], rows[k]
            else:
                rows.insert(k, rows[k])
    else:
        gone = inside if name == "gap_frames" else inside[rng.random(len(inside)) < DROPPED]
        missing = {int(k) for k in gone}
        rows = [row for k, row in enumerate(rows) if k not in missing]
    write_text(path, "\n".join([header, *rows]) + "\n")


def _corrupt_images(folder: Path, span_s: tuple[float, float], rng: np.random.Generator) -> None:
    _, *rows = (folder / "images.csv").read_text(encoding="utf-8").splitlines()
    inside = [r.split(",")[1] for r in rows if span_s[0] <= float(r.split(",")[0]) < span_s[1]]
    for k in rng.choice(len(inside), min(N_CORRUPT, len(inside)), replace=False):
        path = folder / inside[int(k)]
        path.write_bytes(rng.bytes(path.stat().st_size // 2))


def _spoil_imu(
    folder: Path, name: str, span_s: tuple[float, float], rng: np.random.Generator
) -> None:
    path = folder / "imu.csv"
    header = path.read_text(encoding="utf-8").split("\n", 1)[0]
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    inside = (table[:, 0] >= span_s[0]) & (table[:, 0] < span_s[1])
    if name == "gap_imu":
        table = table[~inside]
    elif name == "time_offset":
        table[:, 0] -= CAMERA_LATE_S
    elif name == "imu_noise":
        card = yaml.safe_load((folder / "sequence.yaml").read_text(encoding="utf-8"))
        noise = card["imu"]
        # what is there already has the card's density: add the rest of five times it
        more = np.sqrt(float(noise["rate_hz"]) * (NOISE_FACTOR**2 - 1.0))
        sigma = more * np.repeat([float(noise["gyro_noise"]), float(noise["accel_noise"])], 3)
        table[inside, 1:] += sigma * rng.standard_normal((int(inside.sum()), 6))
    else:
        hit = np.flatnonzero(inside & (rng.random(len(table)) < SPIKES))
        size = np.repeat([SPIKE_RAD_S, SPIKE_M_S2], 3)
        table[hit, 1:] += (
            size * rng.uniform(0.5, 1.0, (len(hit), 6)) * rng.choice([-1.0, 1.0], (len(hit), 6))
        )
    lines = [",".join([f"{row[0]:.6f}", *(f"{x:.8f}" for x in row[1:])]) for row in table + 0.0]
    write_text(path, "\n".join([header, *lines]) + "\n")
