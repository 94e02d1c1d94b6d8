"""What predicted depth loses on a recording: its mesh against the one from the depth sensor.

The recording is mapped twice with its own poses, with sensor depth and with the network's depth and
labels. F at 5 and 10 cm compare the two meshes, neither of which is the truth; runs stay in --keep.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence as Rows
from pathlib import Path
from typing import Any

import numpy as np
from harness import PERCEPTION, make_parser, one_result, run_benchmark, run_main_job, say

from mono_hydra.evaluation.mesh import LIMITS_M, f_score, sample_count
from mono_hydra.evaluation.surface import Surface, clean_surface
from mono_hydra.files.ply import read_ply

PICTURE_POINTS = 60_000
SOURCES = {"sensor": ("--depth", "sensor", "--labels", "none"), "network": PERCEPTION["m2h"]}


def main(argv: Rows[str]) -> int:
    """Map twice, compare, print one JSON object."""
    parser = make_parser("real_maps", __doc__)
    parser.add_argument("--seq", required=True, help="a recording with poses and depth")
    parser.add_argument("--network", default="m2h_tiny")
    parser.add_argument(
        "--set", action="append", default=[], dest="settings", metavar="KEY=VALUE",
        help="of the map of the network",
    )  # fmt: skip
    parser.add_argument("--picture", type=Path, metavar="FILE", help="both meshes from above")
    args = parser.parse_args(list(argv))
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(args.keep or temporary)
        root.mkdir(parents=True, exist_ok=True)
        sensor = mapped("sensor", args, root)
        network = mapped("network", args, root, args.settings)
    if args.picture is not None:
        draw(args.picture, sensor, network)
    return one_result("real_maps", args, compared(network, sensor))


def mapped(name: str, args: argparse.Namespace, root: Path, settings: Rows[str] = ()) -> Surface:
    """The mesh of one run."""
    say(f"mapping with depth of the {name} ...")
    out = root / name
    arguments = ["--seq", args.seq, "--out", str(out), "--rerun", "off", "--quiet"]
    arguments += ["--poses", "dataset", "--network", args.network, *SOURCES[name]]
    run_main_job([*arguments, *(word for setting in settings for word in ("--set", setting))])
    mesh = read_ply(out / "mesh.ply")
    return clean_surface(mesh.vertices_m.astype(np.float64), mesh.faces.astype(np.int64))[0]


def draw(path: Path, sensor: Surface, network: Surface) -> None:
    """Both meshes from above and from the side; the network's in the colour of its error."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    rng = np.random.default_rng(0)
    points = [surface.sample(PICTURE_POINTS, rng)[0] for surface in (sensor, network)]
    error = {"c": sensor.distance(points[1]), "vmin": 0, "vmax": 0.3, "cmap": "turbo"}
    looks: list[dict[str, Any]] = [{"color": "0.45"}, error]
    figure, axes = plt.subplots(2, 2, figsize=(11, 7), layout="compressed")
    for row, (vertical, name) in enumerate(((1, "from above"), (2, "from the side"))):
        low, high = (np.percentile(np.vstack(points)[:, vertical], q) for q in (0.2, 99.8))
        for column, side in enumerate(("sensor", "network")):
            ax, xyz = axes[row, column], points[column]
            look = looks[column]
            dots = ax.scatter(xyz[:, 0], xyz[:, vertical], s=0.3, linewidths=0, **look)
            ax.set(aspect="equal", ylim=(low, high), title=f"{side}, {name}", xlabel="m")
    figure.colorbar(dots, ax=axes, label="distance to the sensor's mesh, m", shrink=0.6)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def compared(estimate: Surface, reference: Surface) -> dict[str, float]:
    """F scores between two surfaces; precision is of the estimate."""
    rng = np.random.default_rng(0)
    points = [
        s.sample(sample_count(float(s.areas_m2.sum())), rng)[0] for s in (estimate, reference)
    ]
    accuracy_m, completeness_m = reference.distance(points[0]), estimate.distance(points[1])
    scores = {
        "area_m2.sensor": float(reference.areas_m2.sum()),
        "area_m2.network": float(estimate.areas_m2.sum()),
        "mesh.accuracy_m.median": float(np.median(accuracy_m)),
    }
    for key, limit_m in LIMITS_M.items():
        found = f_score(accuracy_m, completeness_m, limit_m)
        scores |= {f"mesh.{key}.{part}": value for part, value in found.items()}
    return scores


if __name__ == "__main__":
    run_benchmark(main)
