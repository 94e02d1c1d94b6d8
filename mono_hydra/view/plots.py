"""Curves of a run as SVG text: stage times, height and speed, the filtration behind the rooms.

Transparent, in middle tones, so that they read on light and on dark pages.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mono_hydra.types import F8, TrackRecord

_AXES = "#7d828c"
_STATE_COLOURS = {"initialising": "#7d828c", "degraded": "#e08a3c", "lost": "#c9564f"}
_COLOURS = ("#3d8bd4", "#e08a3c", "#47a866", "#c9564f", "#8b6fc9", "#a39a2f", "#2fa39a", "#c46aa8")


def timing_plot(timing_ms: dict[str, Any]) -> str:
    """Milliseconds of each stage over the recording, from `metrics.json`'s `timing_ms`."""
    stages = sorted(timing_ms, key=lambda k: -timing_ms[k]["p50"])[: len(_COLOURS)]

    def draw(axes: Any) -> None:
        for colour, stage in zip(_COLOURS, stages, strict=False):
            t_s, ms = np.array(timing_ms[stage]["history"]).reshape(-1, 2).T
            axes.plot(t_s, np.maximum(ms, 1e-3), color=colour, lw=1.4, label=stage)
        axes.set(xlabel="time in the recording, s", ylabel="ms, log scale", yscale="log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}" if _decades(timing_ms) < 1.0 else "")
        axes.legend(
            frameon=False,
            fontsize=8,
            labelcolor=_AXES,
            ncols=4,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
        )

    return _svg(draw, (8.0, 3.2))


def _decades(timing_ms: dict[str, Any]) -> float:
    """Span of the medians; a short log axis needs its minor numbers."""
    ms = [max(v, 1e-3) for t in timing_ms.values() for _, v in t["history"]]
    return float(np.log10(max(ms) / min(ms)))


def motion_plot(stamps_s: F8, positions_m: F8) -> str:
    """Height (left) and speed (right) of the camera over time."""
    t_s = stamps_s - stamps_s[0]
    gaps = np.maximum(np.diff(t_s), 1e-6)
    speed = np.linalg.norm(np.diff(positions_m, axis=0), axis=1) / gaps
    wide = max(1, len(speed) // 150)  # a short mean: single frames jitter
    speed = np.convolve(speed, np.ones(wide) / wide, mode="same")

    def draw(axes: Any) -> None:
        axes.plot(t_s, positions_m[:, 2], color=_COLOURS[0], lw=1.4)
        axes.set(xlabel="time in the recording, s")
        axes.set_ylabel("height, m", color=_COLOURS[0])
        other = axes.twinx()
        other.plot(t_s[1:], speed, color=_COLOURS[1], lw=1.2)
        other.set_ylabel("speed, m/s", color=_COLOURS[1])
        _plain_axes(other)

    return _svg(draw, (8.0, 2.4))


def tracking_plot(records: Sequence[TrackRecord]) -> str:
    """Scale of the predicted depth with one sigma (left), tracks (right), and states as bands."""
    t_s = np.array([r.stamp_s for r in records]) - records[0].stamp_s
    known = np.array([r.log_scale_sigma > 0.0 for r in records])
    percent = 100.0 * np.expm1([r.log_scale for r in records])
    sigma = 100.0 * np.array([r.log_scale_sigma for r in records])
    percent[~known] = np.nan

    def draw(axes: Any) -> None:
        for state, colour in _STATE_COLOURS.items():
            is_so = np.array([r.state == state for r in records])
            if is_so.any():
                axes.fill_between(
                    t_s, 0.0, 1.0, where=is_so, step="mid", transform=axes.get_xaxis_transform(),
                    color=colour, alpha=0.25, lw=0.0, label=state,
                )  # fmt: skip
        axes.plot(t_s, percent, color=_COLOURS[0], lw=1.4)
        axes.fill_between(
            t_s, percent - sigma, percent + sigma, color=_COLOURS[0], alpha=0.2, lw=0.0
        )
        axes.set(xlabel="time in the recording, s")
        axes.set_ylabel("depth too large by, %", color=_COLOURS[0])
        other = axes.twinx()
        other.plot(t_s, [r.health.n_tracks for r in records], color=_COLOURS[1], lw=1.0)
        other.set_ylim(0.0, None)
        other.set_ylabel("tracks", color=_COLOURS[1])
        _plain_axes(other)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(
                frameon=False, fontsize=8, labelcolor=_AXES, ncols=3, loc="lower left",
                bbox_to_anchor=(0.0, 1.0),
            )  # fmt: skip

    return _svg(draw, (8.0, 2.6))


def filtration_plot(dilation_m: F8, n_components: F8, chosen_m: float | None = None) -> str:
    """Number of room candidates against the dilation of obstacles, with the chosen value."""

    def draw(axes: Any) -> None:
        axes.step(dilation_m, n_components, where="post", color=_COLOURS[0], lw=1.6)
        if chosen_m is not None:
            axes.axvline(chosen_m, color=_COLOURS[3], lw=1.2, ls="--", label="chosen")
            axes.legend(frameon=False, fontsize=8, labelcolor=_AXES)
        axes.set(xlabel="dilation of obstacles, m", ylabel="components", ylim=(0, None))

    return _svg(draw, (8.0, 2.4))


def _svg(draw: Callable[[Any], None], size_in: tuple[float, float]) -> str:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # text stays text; ids do not depend on the day
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "mono_hydra", "font.size": 9}):
        figure = Figure(figsize=size_in, layout="constrained")
        figure.patch.set_alpha(0.0)
        axes = figure.add_subplot()
        draw(axes)
        _plain_axes(axes)
        out = io.StringIO()
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(out, metadata={"Date": None, "Creator": None})
    # matplotlib's metadata name web addresses; the page shall hold none
    text = re.sub(r"<metadata>.*?</metadata>", "", out.getvalue(), flags=re.DOTALL)
    return text[text.index("<svg") :].replace("sans-serif", "system-ui, sans-serif", 1)


def _plain_axes(axes: Any) -> None:
    axes.patch.set_alpha(0.0)
    axes.tick_params(which="both", colors=_AXES, labelcolor=_AXES)
    axes.grid(True, color=_AXES, alpha=0.25, lw=0.5)
    axes.xaxis.label.set_color(_AXES)
    if axes.yaxis.label.get_color() == "black":
        axes.yaxis.label.set_color(_AXES)
    for name, spine in axes.spines.items():
        spine.set_visible(name in {"left", "bottom"})
        spine.set_color(_AXES)
