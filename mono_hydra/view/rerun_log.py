"""The Rerun recording of a run: mesh, trajectory, images, labels, graph, plan, tree, timing.

Entities: `world/mesh/*` groups of mesh blocks, `world/camera` with image, labels and depth,
`world/trajectory`, `world/objects` boxes in place, `world/graph/*` layers lifted above the mesh,
`plan/*` in two dimensions (x right, y up), `tree` as text, `timing/*` and `tracking/*` as curves.
Timelines: `frame` (index) and `t` (seconds since the first frame).
"""

from __future__ import annotations

import logging
import math
import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from mono_hydra.config import ViewConfig
from mono_hydra.errors import OutputError
from mono_hydra.files.atomic import output_problem
from mono_hydra.graph.scene_graph import SceneGraph
from mono_hydra.labels.label_space import LabelSpace
from mono_hydra.types import F8, Keyframe, MeshBlock
from mono_hydra.view.floor_plan import door_line
from mono_hydra.view.layers import corners_of_box, lift_graph
from mono_hydra.view.observer import BlockIndex, StepLike
from mono_hydra.view.rerun_blueprint import make_blueprint
from mono_hydra.view.tree_text import tree_markdown
from mono_hydra.view.whole_mesh import join_blocks

logger = logging.getLogger(__name__)

GROUP_BLOCKS = 4  # blocks a side of a group that is logged as one mesh
MESH_BYTES_PER_S = 250_000  # of recording time; a recording of 100 s stays below 50 MB
_VERTEX_BYTES = 40  # position, colour and two triangles
_CURVE_CHUNK = 64
_FOOTER = b"RRF2FOOT"  # stands within the last bytes of a recording that was written to its end
_SERVER = "rerun+http://127.0.0.1:9876/proxy"


class RerunLog:
    """Observer that logs every step to a file, a viewer, or both.

    Args:
        path: the recording; None = only to a viewer.
        view: how often things are logged.
        label_space: names and colours.
        name: of the sequence.
        mode: `save` (file only), `spawn` (and a viewer), `serve` (and a server that any viewer
            or browser can open), `connect=ADDRESS` (and a viewer that runs already).

    Raises:
        OutputError: the file cannot be written, no viewer answers.
    """

    def __init__(
        self,
        path: Path | None,
        view: ViewConfig,
        label_space: LabelSpace,
        name: str = "mono_hydra",
        mode: str = "save",
    ) -> None:
        if mode == "save":  # what goes wrong with the file is said by `close`, in one line
            os.environ.setdefault("RUST_LOG", "off")
        import rerun as rr

        self.rr = rr
        self.name = name
        self.path = path
        self.view = view
        self.label_space = label_space
        self._part = None if path is None else path.with_name(f".{path.name}.part.rrd")
        self._stream: Any = rr.RecordingStream("mono_hydra", recording_id=name)
        self._open(mode)
        self._first_s: float | None = None
        self._groups: dict[BlockIndex, dict[BlockIndex, MeshBlock]] = defaultdict(dict)
        self._dirty: set[BlockIndex] = set()
        self._shown: set[BlockIndex] = set()
        self._mesh_bytes = 0
        self._n_keyframes = 0
        self._centres: list[F8] = []
        self._curves: dict[str, list[tuple[int, float, float]]] = defaultdict(list)
        self._state = "tracking"
        self._log_static()

    # ------------------------------------------------------------------ where to

    def _open(self, mode: str) -> None:
        rr, stream = self.rr, self._stream
        blueprint = make_blueprint()
        sinks: list[Any] = []
        try:
            if self._part is not None:
                self._part.parent.mkdir(parents=True, exist_ok=True)
                self._part.write_bytes(b"")  # rerun reports an unwritable file only later
                sinks.append(rr.FileSink(str(self._part)))
            if mode == "spawn":
                rr.spawn(connect=False, hide_welcome_screen=True)
                sinks.append(rr.GrpcSink(_SERVER))
            elif mode == "serve":
                sinks.append(rr.GrpcServerSink())
                logger.info("open the recording with: rerun %s", _SERVER)
            elif mode.startswith("connect="):
                sinks.append(rr.GrpcSink(viewer_address(mode.removeprefix("connect="))))
            elif mode != "save":
                raise OutputError(f"--rerun {mode}: use save, spawn, serve, connect=ADDRESS or off")
            stream.set_sinks(*sinks, default_blueprint=blueprint)
        except OSError as error:
            raise OutputError(output_problem(self.path or Path(), error)) from error
        except RuntimeError as error:
            line = str(error).splitlines()[0]
            raise OutputError(f"--rerun {mode}: no viewer ({line}); try --rerun save") from error

    def close(self) -> None:
        """End the recording: its footer is written and the file gets its name."""
        if self._stream is None:
            return
        stream, self._stream = self._stream, None
        with suppress(RuntimeError):
            stream.flush(timeout_sec=20.0)
        stream.disconnect()
        if self._part is not None and self.path is not None and self._part.exists():
            try:
                if not _is_whole(self._part):
                    self._part.unlink()
                    raise OutputError(
                        f"{self.path}: the recording could not be written to its end, so it was "
                        "removed; free some space, or go without it by --rerun off"
                    )
                self._part.replace(self.path)
            except OSError as error:
                raise OutputError(output_problem(self.path, error)) from error

    def discard(self) -> None:
        """End the recording and remove its file, to make room for the results."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            stream.disconnect()
        if self._part is not None:
            with suppress(OSError):
                self._part.unlink(missing_ok=True)

    def __enter__(self) -> RerunLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------ steps

    def step(self, step: StepLike) -> None:
        """Log one step of the pipeline."""
        stamp = step.frame.stamp_s
        self._first_s = stamp if self._first_s is None else self._first_s
        t_s = stamp - self._first_s
        self._stream.set_time("frame", sequence=step.frame.index)
        self._stream.set_time("t", duration=t_s)
        self._log_camera(step.tracked.T_world_camera)
        for entity, value in _curve_values(step).items():
            self._curves[entity].append((step.frame.index, t_s, value))
            if len(self._curves[entity]) >= _CURVE_CHUNK:
                self._send_curve(entity)
        if step.tracked.state != self._state:
            self._state = step.tracked.state
            self._log("tracking/state", self.rr.TextLog(self._state))
        self._take_mesh(step.changed_mesh)
        if step.keyframe is None:
            return
        self._centres.append(step.tracked.T_world_camera[:3, 3].copy())
        if self._n_keyframes % self.view.image_every == 0:
            self._log_images(step.keyframe)
        if self._n_keyframes % self.view.mesh_every == 0:
            self._log_mesh(MESH_BYTES_PER_S * (t_s + 2.0) - self._mesh_bytes)
        if self._n_keyframes % self.view.graph_every == 0:
            self._log_trajectory(np.array(self._centres))
            if step.graph is not None:
                self._log_graph(step.graph)
        self._n_keyframes += 1

    def finish(self, graph: SceneGraph, trajectory: tuple[F8, F8]) -> None:
        """Log the final graph, mesh and trajectory and end the recording.

        Args:
            graph: final scene graph.
            trajectory: stamps (N,) and final T_world_camera (N, 4, 4).
        """
        try:
            for entity in sorted(self._curves):
                self._send_curve(entity)
            self._log_mesh(float("inf"))
            centres = trajectory[1][:, :3, 3]
            self._log_trajectory(centres[np.isfinite(centres).all(axis=1)])
            self._log_graph(graph)
        finally:
            self.close()

    # ------------------------------------------------------------------ what

    def _log(self, entity: str, *archetypes: Any, static: bool = False) -> None:
        self._stream.log(entity, *archetypes, static=static)

    def _log_static(self) -> None:
        rr = self.rr
        self._log("world", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
        described = [(label.id, label.name, label.rgb) for label in self.label_space.labels]
        self._log("/", rr.AnnotationContext(described), static=True)

    def _log_camera(self, T_world_camera: F8) -> None:
        if np.isfinite(T_world_camera).all():
            self._log(
                "world/camera",
                self.rr.Transform3D(
                    translation=T_world_camera[:3, 3], mat3x3=T_world_camera[:3, :3]
                ),
            )

    def _log_images(self, keyframe: Keyframe) -> None:
        rr, camera = self.rr, keyframe.camera
        self._log(
            "world/camera",
            rr.Pinhole(
                image_from_camera=camera.K,
                resolution=[camera.width, camera.height],
                camera_xyz=rr.ViewCoordinates.RDF,
                image_plane_distance=0.4,
            ),
        )
        self._log("world/camera/image", rr.Image(keyframe.rgb).compress(jpeg_quality=80))
        self._log("world/camera/labels", rr.SegmentationImage(keyframe.labels))
        depth_mm = np.clip(keyframe.depth_m * 1000.0, 0, 65535).astype(np.uint16)[::2, ::2]
        self._log("world/camera/depth", rr.DepthImage(depth_mm, meter=1000.0))

    def _take_mesh(self, changed: dict[BlockIndex, MeshBlock | None]) -> None:
        for index, block in changed.items():
            i, j, k = (v // GROUP_BLOCKS for v in index)
            if block is None:
                self._groups[i, j, k].pop(index, None)
            else:
                self._groups[i, j, k][index] = block
            self._dirty.add((i, j, k))

    def _log_mesh(self, budget_bytes: float) -> None:
        """Log changed groups, the fullest first, as far as the budget goes; the rest waits."""
        sizes = {
            g: _VERTEX_BYTES * sum(len(b.vertices_m) for b in self._groups[g].values())
            for g in sorted(self._dirty)
        }
        for group in sorted(sizes, key=lambda g: (-sizes[g], g)):
            if sizes[group] > budget_bytes:
                continue
            budget_bytes -= sizes[group]
            self._mesh_bytes += sizes[group]
            self._dirty.discard(group)
            self._log_group(group)

    def _log_group(self, group: BlockIndex) -> None:
        rr = self.rr
        entity = "world/mesh/" + "_".join(str(v) for v in group)
        blocks = self._groups[group]
        mesh = join_blocks(blocks[index] for index in sorted(blocks))
        if len(mesh.faces):
            self._shown.add(group)
            self._log(
                entity,
                rr.Mesh3D(
                    vertex_positions=mesh.vertices_m,
                    triangle_indices=mesh.faces,
                    vertex_colors=mesh.rgb,
                    # rooms can be looked into from above and through their outer walls
                    face_rendering=rr.components.MeshFaceRendering.Front,
                ),
            )
        elif group in self._shown:
            self._shown.discard(group)
            self._log(entity, rr.Clear(recursive=False))

    def _log_trajectory(self, centres_m: F8) -> None:
        if len(centres_m) < 2:
            return
        line = centres_m.astype(np.float32)
        self._log(
            "world/trajectory", self.rr.LineStrips3D([line], colors=[255, 200, 60], radii=0.012)
        )
        flat = line[:, :2] * np.array([1, -1], np.float32)
        self._log(
            "plan/trajectory", self.rr.LineStrips2D([flat], colors=[255, 200, 60], radii=0.02)
        )

    def _log_graph(self, graph: SceneGraph) -> None:
        rr, lifted = self.rr, lift_graph(graph, self.label_space)
        for layer, nodes in lifted.nodes.items():
            if layer == "agents":
                continue
            named = layer != "places"
            self._log(
                f"world/graph/{layer}",
                rr.Points3D(
                    nodes.positions_m,
                    colors=nodes.rgb,
                    radii=nodes.radius_m,
                    labels=nodes.labels if named else None,
                    show_labels=layer in {"rooms", "buildings"},
                ),
            )
        for kind, edges in lifted.edges.items():
            thin = kind in {"rooms-places", "places-objects"}
            colours = np.hstack(
                [edges.rgb, np.full((len(edges.rgb), 1), 70 if thin else 255, np.uint8)]
            )
            self._log(
                f"world/graph/edges/{kind}",
                rr.LineStrips3D(edges.segments_m, colors=colours, radii=0.004 if thin else 0.012),
            )
        self._log_boxes(graph)
        self._log_plan(graph)
        self._log(
            "tree", rr.TextDocument(tree_markdown(graph, self.name), media_type="text/markdown")
        )

    def _log_boxes(self, graph: SceneGraph) -> None:
        rr = self.rr
        objects = [a for _, a in graph.items("objects")]
        half_yaw = np.array([a.box.yaw_rad / 2 for a in objects])
        zero = np.zeros_like(half_yaw)
        self._log(
            "world/objects",
            rr.Boxes3D(
                centers=np.array([a.box.center_m for a in objects]).reshape(-1, 3),
                half_sizes=np.array([a.box.size_m / 2 for a in objects]).reshape(-1, 3),
                quaternions=np.stack([zero, zero, np.sin(half_yaw), np.cos(half_yaw)], axis=1),
                labels=[a.label_name for a in objects],
                class_ids=[a.label for a in objects],
                show_labels=True,
                radii=0.008,
            ),
        )

    def _log_plan(self, graph: SceneGraph) -> None:
        rr, down = self.rr, np.array([1, -1], np.float32)
        lifted = lift_graph(graph, self.label_space).nodes
        rooms = [
            (np.vstack([a.polygon_m, a.polygon_m[:1]]) * down, colour, label)
            for (_, a), colour, label in zip(
                graph.items("rooms"), lifted["rooms"].rgb, lifted["rooms"].labels, strict=True
            )
            if a.polygon_m is not None
        ]
        self._log(
            "plan/rooms",
            rr.LineStrips2D(
                [r[0] for r in rooms],
                colors=[r[1] for r in rooms],
                labels=[r[2] for r in rooms],
                radii=0.05,
            ),
        )
        objects = [a for _, a in graph.items("objects")]
        outlines = [corners_of_box(a.box.center_m, a.box.size_m, a.box.yaw_rad) for a in objects]
        self._log(
            "plan/objects",
            rr.LineStrips2D(
                [np.vstack([o, o[:1]]) * down for o in outlines],
                colors=lifted["objects"].rgb,
                labels=[a.label_name for a in objects],
                show_labels=False,
                radii=0.015,
            ),
        )
        outline = dict(graph.items("rooms"))
        doors = [
            (door, [o for r in (a, b) if (o := outline[r].polygon_m) is not None])
            for a, b, edge in graph.edges("rooms")
            for door in edge.doors
        ]
        self._log(
            "plan/doors",
            rr.LineStrips2D(
                [door_line(door, outlines) * down for door, outlines in doors],
                colors=[255, 255, 255],
                radii=0.07,
                labels=[f"door {door.width_m:.2f} m" for door, _ in doors],
                show_labels=False,
                draw_order=30.0,
            ),
        )

    def _send_curve(self, entity: str) -> None:
        rows, self._curves[entity] = self._curves[entity], []
        if not rows:
            return
        rr = self.rr
        frames, times, values = (np.array(column) for column in zip(*rows, strict=True))
        self._stream.send_columns(
            entity,
            indexes=[
                rr.TimeColumn("frame", sequence=frames),
                rr.TimeColumn("t", duration=times),
            ],
            columns=rr.Scalars.columns(scalars=values),
        )


def _curve_values(step: StepLike) -> dict[str, float]:
    """One point of each curve that a step brings, by entity; what is not known is left out."""
    values = {f"timing/{stage}": ms for stage, ms in step.timing_ms.items()}
    tracked = step.tracked
    if tracked.health is not None:
        values |= {
            "tracking/tracks": float(tracked.health.n_tracks),
            "tracking/nis": tracked.health.nis_per_dof,
            "tracking/scale/percent": 100.0 * math.expm1(tracked.log_scale),
            "tracking/scale/sigma": 100.0 * tracked.log_scale_sigma,
        }
        assert tracked.covariance is not None
        spread = np.linalg.eigvalsh(tracked.covariance[3:, 3:])[-1]
        values["tracking/position_sigma_cm"] = 100.0 * math.sqrt(max(float(spread), 0.0))
    return {entity: value for entity, value in values.items() if math.isfinite(value)}


def viewer_address(address: str) -> str:
    """Address of a viewer as Rerun wants it; `host:port` and bare hosts are completed."""
    if "://" in address:
        return address
    host, _, port = address.partition(":")
    return f"rerun+http://{host or '127.0.0.1'}:{port or '9876'}/proxy"


def _is_whole(recording: Path) -> bool:
    """Whether a recording has its footer."""
    with recording.open("rb") as file:
        file.seek(max(0, recording.stat().st_size - 64))
        return _FOOTER in file.read()
