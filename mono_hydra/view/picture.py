"""Still pictures of a map: the mesh from above without ceilings, under the scene graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mono_hydra.files.images import write_image
from mono_hydra.graph.scene_graph import SceneGraph
from mono_hydra.labels.label_space import LabelSpace
from mono_hydra.types import F8, U1, Bool, MeshBlock
from mono_hydra.view.layers import LiftedGraph, lift_graph
from mono_hydra.view.raycast import Eye, exposure, look_at, render_mesh

PAPER = (250, 249, 246)
_INK = "#262a34"
_ASPECT = 0.8  # height of a picture in widths
_CEILING_NAME = "ceiling"
_EDGE_STYLE = {  # width in points at 1600 px, opacity
    "places": (1.1, 0.85),
    "rooms": (2.6, 0.9),
    "objects": (1.0, 0.5),
    "rooms-places": (0.55, 0.30),
    "places-objects": (0.7, 0.45),
    "rooms-objects": (0.7, 0.45),
    "buildings-rooms": (2.2, 0.8),
}


def render_overview(
    mesh: MeshBlock,
    graph: SceneGraph,
    path: Path | str,
    label_space: LabelSpace,
    width_px: int = 1600,
) -> None:
    """Write the picture of a map as PNG or JPEG.

    Raises:
        DependencyError: Open3D is missing.
        OutputError: the file cannot be written.
    """
    write_image(path, overview_image(mesh, graph, label_space, width_px=width_px))


def overview_image(
    mesh: MeshBlock,
    graph: SceneGraph,
    label_space: LabelSpace,
    *,
    width_px: int = 1600,
    azimuth_deg: float = -62.0,
    elevation_deg: float = 33.0,
    eye: Eye | None = None,
    colour_by_label: bool = False,
) -> U1:
    """Bird's-eye view (H, width_px, 3) of mesh and lifted graph.

    Args:
        mesh: the map's mesh.
        graph: its scene graph.
        label_space: colours and the id of the ceiling.
        width_px: image width; the height is four fifths of it.
        azimuth_deg: direction the viewer stands in, from +x towards +y.
        elevation_deg: height of the viewer above the horizon.
        eye: a fixed view instead, as moving pictures need.
        colour_by_label: colours of the labels instead of the surface's own.

    Raises:
        DependencyError: Open3D is missing.
    """
    lifted = lift_graph(graph, label_space, layer_spread(mesh))
    keep = without_ceiling(mesh, label_space)
    if eye is None:
        eye = overview_eye(mesh, lifted, keep, width_px, azimuth_deg, elevation_deg)
    rgb = label_space.palette[mesh.labels] if colour_by_label else None
    gain = 1.0 if colour_by_label else exposure(mesh)
    image = render_mesh(mesh, eye, PAPER, keep=keep, rgb=rgb, gain=gain)
    return draw_graph(image, lifted, eye)


def trimmed(image: U1, background: tuple[int, int, int], margin: float = 0.03) -> U1:
    """The picture without most of its empty sides."""
    used = np.flatnonzero(np.any(image != np.array(background, np.uint8), axis=(0, 2)))
    if not len(used):
        return image
    border = round(margin * image.shape[1])
    left, right = max(0, used[0] - border), min(image.shape[1], used[-1] + border)
    return np.ascontiguousarray(image[:, left:right])


def overview_eye(
    mesh: MeshBlock,
    lifted: LiftedGraph,
    keep: Bool,
    width_px: int,
    azimuth_deg: float = -62.0,
    elevation_deg: float = 33.0,
    height_px: int | None = None,
) -> Eye:
    """The view that holds the kept faces and all drawn nodes."""
    used = mesh.vertices_m[np.unique(mesh.faces[keep])].astype(np.float64)
    drawn = [n.positions_m for layer, n in lifted.nodes.items() if layer != "agents"]
    # room for names, which stand above their nodes
    top = [p + np.array([0.0, 0.0, 0.4]) for p in drawn]
    points = np.concatenate([used, *drawn, *top]) if len(used) + sum(map(len, drawn)) else np.eye(3)
    height = round(width_px * _ASPECT) if height_px is None else height_px
    return look_at(points, azimuth_deg, elevation_deg, width_px, height)


def layer_spread(mesh: MeshBlock) -> float:
    """Factor on the heights of the layers: wide maps need more, or one layer hides the next."""
    if not len(mesh.vertices_m):
        return 1.0
    low, high = np.percentile(mesh.vertices_m[:, :2], (1, 99), axis=0)
    return float(np.clip(np.sqrt(np.prod(high - low)) / 5.5, 1.0, 1.7))


def without_ceiling(mesh: MeshBlock, label_space: LabelSpace) -> Bool:
    """(F,) faces that are no ceiling, by label, or without labels by their direction."""
    names = {label.name: label.id for label in label_space.labels}
    if _CEILING_NAME in names and np.any(mesh.labels):
        is_ceiling = mesh.labels == names[_CEILING_NAME]
        down = mesh.normals[:, 2] < -0.7
        is_ceiling |= (mesh.labels == 0) & down
    else:
        is_ceiling = mesh.normals[:, 2] < -0.7
    return np.asarray(is_ceiling[mesh.faces].sum(axis=1) < 2)


def draw_graph(
    image: U1, lifted: LiftedGraph, eye: Eye, path_m: F8 | None = None, text_scale: float = 1.0
) -> U1:
    """The picture with nodes, edges and names of a lifted graph drawn over it.

    Args:
        image: (H, W, 3) of the mesh.
        lifted: what to draw.
        eye: the view of the image.
        path_m: (N, 3) camera path, drawn as a line.
        text_scale: larger than 1 for small pictures.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    dpi, scale = 100.0, eye.width_px / 1600.0
    figure = Figure(figsize=(eye.width_px / dpi, eye.height_px / dpi), dpi=dpi)
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(image, extent=(0, eye.width_px, eye.height_px, 0), interpolation="nearest")
    axes.set(xlim=(0, eye.width_px), ylim=(eye.height_px, 0))
    axes.axis("off")
    for kind, edges in lifted.edges.items():
        if len(edges.segments_m) == 0:
            continue
        width, opacity = _EDGE_STYLE.get(kind, (0.7, 0.4))
        pixels = eye.project(edges.segments_m.reshape(-1, 3))[0].reshape(-1, 2, 2)
        colours = np.hstack([0.82 * edges.rgb / 255.0, np.full((len(edges.rgb), 1), opacity)])
        axes.add_collection(
            LineCollection(list(pixels), linewidths=width * scale, colors=colours, zorder=2)
        )
    if path_m is not None and len(path_m) > 1:
        axes.plot(*eye.project(path_m)[0].T, color="#e0522e", lw=2.2 * scale, zorder=2.5)
    for k, layer in enumerate(("objects", "places", "rooms", "buildings")):
        _draw_nodes(axes, lifted, layer, eye, scale, zorder=3 + k)
    _draw_names(axes, lifted, eye, scale * text_scale)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _draw_nodes(
    axes: Any, lifted: LiftedGraph, layer: str, eye: Eye, scale: float, zorder: int
) -> None:
    """Round for places and rooms, square for objects and the building; far ones first."""
    nodes = lifted.nodes[layer]
    if not nodes.ids:
        return
    pixels, depth = eye.project(nodes.positions_m)
    order = np.argsort(-depth, kind="stable")
    radius_px = nodes.radius_m * eye.focal_px / np.maximum(depth, 0.1)
    size = (2.0 * radius_px[order] * 72.0 / 100.0) ** 2
    axes.scatter(
        *pixels[order].T,
        s=size,
        c=nodes.rgb[order] / 255.0,
        zorder=zorder,
        linewidths=0.9 * scale,
        edgecolors=_INK if layer != "places" else "white",
        marker="s" if layer in {"objects", "buildings"} else "o",
    )


def _draw_names(axes: Any, lifted: LiftedGraph, eye: Eye, scale: float) -> None:
    """Names of building and rooms always, of objects where they do not run into each other."""
    from matplotlib.patheffects import Normal, Stroke

    taken: list[F8] = []
    for layer, size, weight in (
        ("buildings", 15, "bold"),
        ("rooms", 15, "bold"),
        ("objects", 9, "normal"),
    ):
        nodes = lifted.nodes[layer]
        if not nodes.ids:
            continue
        pixels, depth = eye.project(nodes.positions_m)
        above = nodes.radius_m * eye.focal_px / np.maximum(depth, 0.1)
        for k in np.argsort(-nodes.size_m3, kind="stable"):
            x, y = pixels[k] - [0.0, above[k] + 4.0 * scale]
            half = 0.36 * size * scale * 1.39 * len(nodes.labels[k]) * 0.9
            box = np.array([x - half, y - 1.5 * size * scale, x + half, y])
            is_vague = nodes.labels[k].startswith("other ")
            if layer == "objects" and (is_vague or any(_overlap(box, o) for o in taken)):
                continue
            taken.append(box)
            axes.text(
                x,
                y,
                nodes.labels[k],
                fontsize=size * scale,
                weight=weight,
                color=_INK,
                zorder=9,
                ha="center",
                va="bottom",
                path_effects=[
                    Stroke(linewidth=3.0 * scale, foreground="white", alpha=0.85),
                    Normal(),
                ],
            )


def _overlap(a: F8, b: F8) -> bool:
    return bool(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])
