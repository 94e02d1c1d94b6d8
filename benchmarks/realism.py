"""Do pictures of simulated homes measure like photographs? Prints one table beside NYU Depth v2.

Camera as in NYU Depth v2: 640x480 averaged to 320x240, f 259. The reference numbers are the 10, 50
and 90 % values over the 795 images of the official training split (Silberman et al., ECCV 2012),
measured the same way without the white frame. It guards against flat, empty or garish rooms.

    python benchmarks/realism.py --seeds 1..10 --sheet homes.jpg
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from picture_statistics import LABEL_SHARES, REFERENCE, picture_statistics
from room_views import random_views

from mono_hydra.labels import load_label_space
from mono_hydra.simulation.camera_effects import CameraEffects, CameraOptions
from mono_hydra.simulation.plan import make_house
from mono_hydra.simulation.render import make_renderer
from mono_hydra.types import U1, Camera

CAMERA = Camera(640, 480, 518.86, 519.47, 319.5, 239.5)
SHARE_FACTOR = 2.5
N_CLASSES = 20
SHEET_COLUMNS = 5
SHEET_QUALITY = 84
SHEET_VIEW_PX = (240, 180)


def main(argv: list[str] | None = None) -> int:
    """Render, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", default=["1..10"], help="numbers and ranges a..b")
    parser.add_argument("--views", type=int, default=20, help="pictures of each home")
    parser.add_argument("--kind", default="flat")
    parser.add_argument("--require", nargs="*", default=[], metavar="KEY>=VALUE")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of the homes")
    parser.add_argument("--beside", type=Path, help="folder of photographs: sheet beside them")
    parser.add_argument("--keep", type=Path, help="folder for the sheet beside photographs")
    arguments = parser.parse_args(argv)
    arguments.seeds = _seeds(arguments.seeds)
    runs, rows, shares, sheet = [], [], Counter(), []
    for seed in arguments.seeds:
        print(f"home {seed}", file=sys.stderr)
        pictures, measured, counts = measure_home(seed, arguments.kind, arguments.views)
        rows += measured
        shares.update(counts)
        sheet.append(pictures)
        runs.append({"seed": seed, "scores": _medians(measured)})
    medians = _medians(rows)
    scores = medians | _verdict(medians, shares)
    _print_table(rows, shares)
    if arguments.sheet:
        _write(arguments.sheet, contact_sheet(sheet))
    if arguments.beside:
        folder = arguments.keep or Path()
        _write(folder / "beside_photographs.png", beside(sheet, arguments.beside))
    return _report(arguments, runs, scores)


def _seeds(texts: list[str]) -> list[int]:
    """Numbers and ranges such as 1..10, both ends included."""
    seeds: list[int] = []
    for text in texts:
        first, _, last = text.partition("..")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def measure_home(
    seed: int, kind: str, n_views: int
) -> tuple[list[U1], list[dict[str, float]], Counter[str]]:
    """Pictures (240, 320, 3) of one home, their statistics, pixels of each class."""
    renderer = make_renderer(make_house(seed, kind), seed)
    space = load_label_space("nyu40")
    rng = np.random.default_rng(seed)
    pictures, measured, counts = [], [], Counter[str]()
    for T_world_camera in random_views(renderer.scene, CAMERA, n_views, rng):
        seen = renderer.render_view(T_world_camera, CAMERA)
        effects = CameraEffects(CAMERA, CameraOptions(), rng)
        rgb = cv2.resize(
            effects.apply(seen.linear, seen.depth_m, 0.0), (320, 240), interpolation=cv2.INTER_AREA
        )
        depth_m, labels = seen.depth_m[1::2, 1::2], seen.labels[1::2, 1::2]
        pictures.append(rgb)
        measured.append(picture_statistics(rgb, depth_m, labels))
        for label, n in zip(*np.unique(labels, return_counts=True), strict=True):
            if label:
                counts[space.name_of(label)] += int(n)
    return pictures, measured, counts


def _medians(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.median([row[key] for row in rows])) for key in rows[0]}


def _verdict(medians: dict[str, float], shares: Counter[str]) -> dict[str, float]:
    """Share of medians inside the real 10-90 % band, and of common classes within the factor."""
    inside = [low <= medians[key] <= high for key, (low, _, high) in REFERENCE.items()]
    total = max(sum(n for name, n in shares.items() if name != "other prop"), 1)
    near = [
        1 / SHARE_FACTOR <= 100 * shares[name] / total / real <= SHARE_FACTOR
        for name, real in _common_classes()
    ]
    return {"medians_inside": float(np.mean(inside)), "classes_near": float(np.mean(near))}


def _common_classes() -> list[tuple[str, float]]:
    ordered = sorted(LABEL_SHARES.items(), key=lambda item: -item[1])
    return ordered[:N_CLASSES]


def _print_table(rows: list[dict[str, float]], shares: Counter[str]) -> None:
    print(f"{'quantity':<28}{'simulated 10 / 50 / 90 %':>30}{'photographs 10 / 50 / 90 %':>30}")
    for key, real in REFERENCE.items():
        ours = np.percentile([row[key] for row in rows], [10, 50, 90])
        mark = "" if real[0] <= ours[1] <= real[2] else "  outside"
        print(f"{key:<28}{_three(ours):>30}{_three(real):>30}{mark}")
    total = max(sum(n for name, n in shares.items() if name != "other prop"), 1)
    print(f"{'share of labelled pixels, %':<28}{'simulated':>30}{'photographs':>30}")
    for name, real in LABEL_SHARES.items():
        ours = 100.0 * shares[name] / total
        far = not 1 / SHARE_FACTOR <= ours / real <= SHARE_FACTOR
        print(f"{name:<28}{ours:>30.1f}{real:>30.1f}{'  far' if far else ''}")


def _three(values: Any) -> str:
    return "  ".join(f"{v:.3g}".rjust(6) for v in values)


def contact_sheet(sheet: list[list[U1]]) -> U1:
    """One row a home, views spread over those taken."""
    rows = []
    for row in sheet:
        few = row[:: max(1, len(row) // SHEET_COLUMNS)][:SHEET_COLUMNS]
        views = [cv2.resize(v, SHEET_VIEW_PX, interpolation=cv2.INTER_AREA) for v in few]
        views += [np.zeros_like(views[0])] * (SHEET_COLUMNS - len(views))
        rows.append(np.hstack(views))
    return np.vstack(rows)


def beside(sheet: list[list[U1]], folder: Path) -> U1:
    """Left simulated, right photographs of a folder, in turn."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg"})
    simulated = [picture for row in sheet for picture in row]
    n_rows = min(12, len(files) // 2, len(simulated) // 2)
    every_file, every_view = len(files) // (2 * n_rows), len(simulated) // (2 * n_rows)
    rows = []
    for k in range(n_rows):
        photographs = [_photograph(files[(2 * k + i) * every_file]) for i in range(2)]
        views = [simulated[(2 * k + i) * every_view] for i in range(2)]
        rows.append(np.hstack([*views, *photographs]))
    return np.vstack(rows)


def _photograph(path: Path) -> U1:
    image = cv2.imread(str(path))[..., ::-1]
    height, width = image.shape[:2]
    inner = image[height // 24 : -height // 24, width // 24 : -width // 24]
    return np.ascontiguousarray(cv2.resize(inner, (320, 240), interpolation=cv2.INTER_AREA))


def _write(path: Path, rgb: U1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, SHEET_QUALITY])
    print(f"wrote {path}", file=sys.stderr)


def _report(
    arguments: argparse.Namespace, runs: list[dict[str, Any]], scores: dict[str, float]
) -> int:
    """Last line: one JSON object. Returns 1 if something required is not met."""
    keys = runs[0]["scores"]
    table = {key: np.array([run["scores"][key] for run in runs]) for key in keys}
    required = []
    for text in arguments.require:
        key, limit = text.split(">=")
        value = scores.get(key, float("nan"))
        required.append(
            {"key": key, "limit": float(limit), "value": value, "met": bool(value >= float(limit))}
        )
    worst = {}
    for key, values in table.items():
        far = int(np.argmax(np.abs(values - REFERENCE[key][1])))
        worst[key] = {"seed": arguments.seeds[far], "value": float(values[far])}
    sd = {k: float(v.std(ddof=1)) if len(v) > 1 else 0.0 for k, v in table.items()}
    options = {k: str(v) if isinstance(v, Path) else v for k, v in vars(arguments).items()}
    print(
        json.dumps(
            {
                "benchmark": "realism",
                "arguments": options,
                "machine": {"system": platform.platform(), "python": platform.python_version()},
                "seeds": arguments.seeds,
                "runs": runs,
                "mean": scores,
                "sd": sd,
                "worst": worst,
                "required": required,
            }
        )
    )
    return 0 if all(item["met"] for item in required) else 1


if __name__ == "__main__":
    sys.exit(main())
