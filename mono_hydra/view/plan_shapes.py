"""A plan as shapes in metres, and its two drawings: SVG and PNG."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import numpy as np

from mono_hydra.types import F4, F8, U1

RGB = tuple[int, int, int]
INK: RGB = (38, 42, 52)
PAPER: RGB = (252, 251, 248)
PATH: RGB = (214, 88, 60)
DIMENSION: RGB = (110, 116, 128)
TIMES = "\u00d7"  # between the sides of a thing


@dataclass(frozen=True, eq=False)
class Line:
    """A line or, with a fill, a closed shape."""

    points_m: F8 | F4  # (N, 2)
    stroke: RGB | None = INK
    width_m: float = 0.02
    fill: RGB | None = None
    opacity: float = 1.0
    is_dashed: bool = False
    title: str = ""


@dataclass(frozen=True, eq=False)
class Text:
    """One line of text."""

    point_m: tuple[float, float]
    text: str
    size_m: float
    rgb: RGB = INK
    is_bold: bool = False
    anchor: Literal["start", "middle", "end"] = "middle"
    turn_deg: float = 0.0


@dataclass(frozen=True, eq=False)
class Plan:
    """Shapes in the order they are drawn; y points up."""

    shapes: list[Line | Text]
    low_m: tuple[float, float]
    high_m: tuple[float, float]


def mixed_rgb(a: RGB, b: RGB, share_of_b: float) -> RGB:
    """Colour between two."""
    r, g, blue = (round(x + (y - x) * share_of_b) for x, y in zip(a, b, strict=True))
    return r, g, blue


def plan_svg(plan: Plan, width_px: int | None = None) -> str:
    """The plan as an SVG element that scales with its container."""
    (x0, y0), (x1, y1) = plan.low_m, plan.high_m
    body = "".join(_svg_shape(s) for s in plan.shapes)
    size = f' width="{width_px}"' if width_px else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg"{size} viewBox="{_n(x0)} {_n(-y1)} '
        f'{_n(x1 - x0)} {_n(y1 - y0)}" role="img" aria-label="floor plan" '
        'font-family="system-ui, sans-serif" stroke-linejoin="round" stroke-linecap="round">'
        f'<rect x="{_n(x0)}" y="{_n(-y1)}" width="{_n(x1 - x0)}" height="{_n(y1 - y0)}" '
        f'fill="{_css(PAPER)}"/>{body}</svg>'
    )


def _svg_shape(shape: Line | Text) -> str:
    if isinstance(shape, Text):
        x, y = shape.point_m
        turn = (
            f' transform="rotate({_n(-shape.turn_deg)} {_n(x)} {_n(-y)})"' if shape.turn_deg else ""
        )
        weight = ' font-weight="700"' if shape.is_bold else ""
        halo = _n(shape.size_m * 0.22)
        return (
            f'<text x="{_n(x)}" y="{_n(-y)}" font-size="{_n(shape.size_m)}" '
            f'fill="{_css(shape.rgb)}" text-anchor="{shape.anchor}" dominant-baseline="central" '
            f'stroke="{_css(PAPER)}" stroke-opacity="0.75" stroke-width="{halo}" '
            f'paint-order="stroke"{weight}{turn}>{escape(shape.text)}</text>'
        )
    points = " ".join(f"{_n(x)},{_n(-y)}" for x, y in shape.points_m)
    kind = "polyline" if shape.fill is None else "polygon"
    stroke = (
        f' stroke="{_css(shape.stroke)}" stroke-width="{_n(shape.width_m)}"' if shape.stroke else ""
    )
    dash = ' stroke-dasharray="0.07 0.05"' if shape.is_dashed else ""
    opacity = f' opacity="{_n(shape.opacity)}"' if shape.opacity < 1 else ""
    fill = "none" if shape.fill is None else _css(shape.fill)
    title = f"<title>{escape(shape.title)}</title>" if shape.title else ""
    return f'<{kind} points="{points}" fill="{fill}"{stroke}{dash}{opacity}>{title}</{kind}>'


def _n(value: float) -> str:
    """Shortest text of a number at a tenth of a millimetre."""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _css(rgb: RGB) -> str:
    return "#{:02x}{:02x}{:02x}".format(*(int(v) for v in rgb))


def plan_png(plan: Plan, width_px: int = 1200) -> U1:
    """The same plan as an RGB image (H, width_px, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Polygon
    from matplotlib.patheffects import Normal, Stroke

    (x0, y0), (x1, y1) = plan.low_m, plan.high_m
    dpi = 100.0
    points_per_m = width_px / (x1 - x0) * 72.0 / dpi
    figure = Figure(
        figsize=(width_px / dpi, width_px / dpi * (y1 - y0) / (x1 - x0)),
        dpi=dpi,
        facecolor=_css(PAPER),
    )
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(x0, x1), ylim=(y0, y1))
    axes.axis("off")
    for order, shape in enumerate(plan.shapes):
        if isinstance(shape, Text):
            effects = [
                Stroke(
                    linewidth=0.22 * shape.size_m * points_per_m, foreground=_css(PAPER), alpha=0.75
                ),
                Normal(),
            ]
            axes.text(
                *shape.point_m,
                shape.text,
                fontsize=shape.size_m * points_per_m,
                color=_css(shape.rgb),
                ha={"start": "left", "end": "right"}.get(shape.anchor, "center"),
                va="center",
                rotation=shape.turn_deg,
                rotation_mode="anchor",
                zorder=order,
                weight="bold" if shape.is_bold else "normal",
                path_effects=effects,
            )
        elif shape.fill is not None:
            axes.add_patch(
                Polygon(
                    shape.points_m,
                    closed=True,
                    facecolor=_css(shape.fill),
                    edgecolor=_css(shape.stroke) if shape.stroke else "none",
                    zorder=order,
                    linewidth=shape.width_m * points_per_m,
                    alpha=shape.opacity,
                    joinstyle="round",
                )
            )
        else:
            axes.plot(
                *np.asarray(shape.points_m).T,
                color=_css(shape.stroke or INK),
                zorder=order,
                linewidth=shape.width_m * points_per_m,
                alpha=shape.opacity,
                linestyle=(0, (3, 2)) if shape.is_dashed else "-",
            )
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
