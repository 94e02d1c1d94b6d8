"""How the Rerun viewer is laid out: map left; image, plan, tree and times right."""

from __future__ import annotations

from typing import Any


def make_blueprint() -> Any:
    """The default blueprint of a recording."""
    import rerun.blueprint as rrb

    dark = [24, 26, 31, 255]
    world = rrb.Spatial3DView(
        origin="/world",
        contents=["$origin/**", "- $origin/camera/labels", "- $origin/camera/depth"],
        name="Mesh and scene graph",
        background=dark,
        line_grid=False,
    )
    images = rrb.Tabs(
        rrb.Spatial2DView(
            origin="/world/camera",
            contents=["$origin/image"],
            name="Image",
        ),
        rrb.Spatial2DView(
            origin="/world/camera",
            contents=["$origin/image", "$origin/labels"],
            name="Labels",
        ),
        rrb.Spatial2DView(origin="/world/camera", contents=["$origin/depth"], name="Depth"),
        active_tab=1,
    )
    details = rrb.Tabs(
        rrb.TextDocumentView(origin="/tree", name="Rooms and objects"),
        rrb.TimeSeriesView(origin="/timing", name="Milliseconds a stage"),
        rrb.Vertical(
            rrb.TimeSeriesView(
                origin="/tracking", contents=["$origin/**", "- $origin/scale/**"], name="Tracking"
            ),
            rrb.TimeSeriesView(origin="/tracking/scale", name="Scale of predicted depth, %"),
            rrb.TextLogView(origin="/tracking/state", name="State"),
            name="Tracking",
        ),
        active_tab=0,
    )
    plan = rrb.Spatial2DView(origin="/plan", name="Floor plan", background=dark)
    return rrb.Blueprint(
        rrb.Horizontal(
            world, rrb.Vertical(images, plan, details, row_shares=[4, 4, 5]), column_shares=[5, 2]
        ),
        rrb.TimePanel(timeline="t", state="collapsed"),
        rrb.SelectionPanel(state="collapsed"),
        rrb.BlueprintPanel(state="collapsed"),
        auto_views=False,
    )
