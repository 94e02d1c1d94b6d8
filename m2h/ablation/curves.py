"""Held-out scores during the trainings: mean over the seeds, their range as a band."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from m2h.ablation.study import Study
from m2h.ablation.variants import Variant
from m2h.training.curves import Curves

PANELS = ("depth.abs_rel", "semantics.miou", "normals.mean_deg", "edges.ods_fast")
Points = Mapping[int, list[float]]  # step -> value of each seed


def draw_curves(study: Study, path: Path) -> None:
    """One row of panels for each source."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sources = sorted(study.sources.held_out)
    figure = Figure(figsize=(4 * len(PANELS), 3.2 * len(sources)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(sources), len(PANELS), squeeze=False)
    for row, source in zip(grid, sources, strict=True):
        for axes, key in zip(row, PANELS, strict=True):
            for variant in study.variants:
                points = curve_of(study, variant, f"heldout.{source}.{key}")
                if not points:
                    continue
                steps = sorted(points)
                values = [points[step] for step in steps]
                means = [np.mean(v) for v in values]
                (line,) = axes.plot(steps, means, label=variant.name, lw=1.2, marker=".", ms=4)
                low, high = [min(v) for v in values], [max(v) for v in values]
                axes.fill_between(steps, low, high, color=line.get_color(), alpha=0.15, lw=0)
            axes.set_title(f"{source}: {key}", fontsize=9)
            axes.set_xlabel("step")
            axes.grid(alpha=0.3)
    if grid[0][0].lines:
        grid[0][0].legend(fontsize=7)
    figure.savefig(path, dpi=100)


def curve_of(study: Study, variant: Variant, key: str) -> Points:
    """Values of a score by step, from whichever network of the variant has it."""
    points: dict[int, list[float]] = {}
    for seed in study.seeds:
        for member in variant.members:
            for record in Curves(study.folder(variant, seed) / member.name).read():
                if record.get(key) is not None:
                    points.setdefault(record["step"], []).append(record[key])
    return points
