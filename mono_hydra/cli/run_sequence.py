"""The main job: a recording in, a mesh, a scene graph and a Rerun session out."""

from __future__ import annotations

import argparse
import logging
import shlex
import tempfile
from collections.abc import Callable
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from m2h.depth_card import is_depth_file
from mono_hydra.cli.door import OneLineParser, log_to
from mono_hydra.cli.inputs import Say, add_sequence_options, open_or_stand_in, print_known
from mono_hydra.cli.networks import (
    DEFAULT_NETWORK,
    NetworkChoice,
    file_roles,
    make_image_predictor,
    with_depth_file,
)
from mono_hydra.cli.progress import Progress
from mono_hydra.cli.tree import tree_text
from mono_hydra.config import Config, load_config
from mono_hydra.errors import ConfigError, DatasetError, MonoHydraError, OutputError
from mono_hydra.files.run_folder import make_run_folder
from mono_hydra.labels import LabelSpace, load_label_space
from mono_hydra.perception.landmark_correction import LandmarkCorrection
from mono_hydra.perception.network import NETWORK_LABELS
from mono_hydra.pipeline import Aligner as StageAligner
from mono_hydra.pipeline import Observer, Pipeline, Predictor, Tracker
from mono_hydra.sequences.base import Sequence
from mono_hydra.types import Provenance, SequenceInfo

if TYPE_CHECKING:
    from mono_hydra.view.recorder import Recorder
    from mono_hydra.view.rerun_log import RerunLog

LEVEL_SURFACES = ("floor", "ceiling", "floor mat")  # they show which way is up
logger = logging.getLogger(__name__)


EXAMPLE = """examples:
  mono-hydra run --seq demo --poses dataset
  mono-hydra run --seq demo --poses dataset --depth sensor --labels dataset
  mono-hydra run --seq path/to/folder --out runs/mine --set mapping.voxel_size_m=0.04
  mono-hydra run --list"""


def parser() -> argparse.ArgumentParser:
    """All options of the main job."""
    p = OneLineParser(prog="run_sequence", description=__doc__, epilog=EXAMPLE)
    p.add_argument(
        "--seq",
        metavar="NAME|PATH",
        help="demo, a known sequence, a folder, a .sens or a video file",
    )
    p.add_argument("--list", action="store_true", help="show what is known and what is present")
    add_sequence_options(p)
    p.add_argument("--poses", choices=("auto", "dataset", "vio", "vo"), default="auto")
    p.add_argument("--depth", choices=("auto", "sensor", "m2h"), default="auto")
    p.add_argument("--labels", choices=("auto", "dataset", "m2h", "none"), default="auto")
    p.add_argument(
        "--network",
        metavar="PRESET|FILE",
        default=DEFAULT_NETWORK.name,
        help="predicts depth and labels: m2h_tiny (shipped), a file of weights, or a depth network "
        "of your own (FILE.onnx with FILE.card.yaml), with labels of m2h_tiny",
    )
    p.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    p.add_argument(
        "--config",
        metavar="FILE|NAME",
        action="append",
        default=[],
        help="YAML over the defaults, or fine, fast; repeatable",
    )
    p.add_argument(
        "--set", metavar="SECTION.KEY=VALUE", action="append", default=[], dest="settings"
    )
    p.add_argument(
        "--mode", choices=("sync",), default="sync", help="sync: every frame, deterministic"
    )
    p.add_argument("--rerun", metavar="save|spawn|serve|connect=ADDR|off", default="save")
    p.add_argument(
        "--out", metavar="DIR", type=Path, help="the run folder (default runs/<seq>/<stamp>)"
    )
    p.add_argument(
        "--max-ram", metavar="GB", type=float, help="memory for keyframes before they go to disk"
    )
    p.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return p


def main(argv: Rows[str]) -> int:
    """Run one recording; 0 done, 2 bad input, 130 interrupted with everything saved."""
    args = parser().parse_args(list(argv))
    if args.list:
        print_known(args.data)
        return 0
    if not args.seq:
        raise ConfigError("--seq is missing: give a name or a path, or --list to see what there is")
    config = _config(args)
    _check_choices(args)
    say: Say = _silent if args.quiet else _print
    sequence = open_or_stand_in(args, say)
    provenance = resolve_sources(args, sequence.info, config)
    say(describe(provenance, args))
    folder = make_run_folder(args.out, sequence.info.name)
    log_to(folder / "run.log", quiet=args.quiet)
    command = shlex.join(["run_sequence.py", *argv])
    run = assemble(
        sequence,
        config,
        provenance,
        folder,
        rerun=args.rerun,
        quiet=args.quiet,
        command=command,
        network=NetworkChoice(args.network, args.device),
    )
    return run.execute(say)


def _print(text: str) -> None:
    print(text, flush=True)


def _silent(text: str) -> None:
    del text


def _config(args: argparse.Namespace) -> Config:
    settings = list(args.settings)
    if args.max_ram is not None:
        settings.append(f"keyframes.max_ram_mb={1000.0 * args.max_ram}")
    return load_config(tuple(args.config), tuple(settings))


def _check_choices(args: argparse.Namespace) -> None:
    mode = args.rerun.partition("=")[0]
    if mode not in {"save", "spawn", "serve", "connect", "off"}:
        raise ConfigError(f"--rerun {args.rerun}: one of save, spawn, serve, connect=ADDR, off")


def resolve_sources(args: argparse.Namespace, info: SequenceInfo, config: Config) -> Provenance:
    """What feeds poses, depth and labels; `auto` is the recording's own, else estimated.

    The network's first weights are well below what a sensor gives, so that they only fill gaps.

    Raises:
        DatasetError: the recording lacks what was asked for, or has no poses, which this version
            cannot estimate.
    """
    poses = _source_of_poses(args.poses, info)
    if args.depth == "sensor" and not info.has_depth:
        raise DatasetError(f"{info.name}: has no depth images; use --depth m2h")
    if args.labels == "dataset" and not info.has_labels:
        raise DatasetError(f"{info.name}: has no labels; use --labels m2h or none")
    own_depth: Literal["sensor", "m2h"] = "sensor" if info.has_depth else "m2h"
    own_labels: Literal["dataset", "m2h"] = "dataset" if info.has_labels else "m2h"
    provenance = Provenance(
        poses,
        own_depth if args.depth == "auto" else args.depth,
        own_labels if args.labels == "auto" else args.labels,
        stand_in=info.stand_in,
        degrade=config.perception.degrade,
    )
    return with_depth_file(provenance, args.network) if is_depth_file(args.network) else provenance


def _source_of_poses(wanted: str, info: SequenceInfo) -> Literal["dataset", "vio", "vo"]:
    """The recording's poses where it has them, else estimated ones; `auto` prefers the first."""
    if wanted == "dataset" and not info.has_poses:
        raise DatasetError(f"{info.name}: has no poses; use --poses vio or vo to estimate them")
    if wanted == "dataset" or (wanted == "auto" and info.has_poses):
        return "dataset"
    mounted = info.has_imu and info.T_body_camera is not None
    if wanted == "vo" or (wanted == "auto" and not mounted):
        return "vo"
    if not info.has_imu:
        raise DatasetError(f"{info.name}: has no IMU, which --poses vio needs; use --poses vo")
    if info.T_body_camera is None:
        raise DatasetError(
            f"{info.name}: nothing says how camera and IMU are mounted; add T_body_camera to its "
            "calibration (see docs/own_data.md)"
        )
    return "vio"


def describe(provenance: Provenance, args: argparse.Namespace) -> str:
    """The first line of output: what feeds each stage."""
    text = f"poses: {provenance.poses}, depth: {provenance.depth}, labels: {provenance.labels}"
    if provenance.depth == "file":
        text += f"  ({file_roles(provenance)})"
    elif "m2h" in (provenance.depth, provenance.labels):
        text += f"  (network: {args.network})"
    if "auto" in (args.poses, args.depth, args.labels):
        text += "  (auto: the recording's own, else estimated)"
    if provenance.degrade != "none":
        text += f"  [degraded like a {provenance.degrade}]"
    return text + ("  [STAND-IN DATA]" if provenance.stand_in else "")


def assemble(
    sequence: Sequence,
    config: Config,
    provenance: Provenance,
    folder: Path,
    *,
    rerun: str = "off",
    quiet: bool = True,
    command: str = "",
    network: NetworkChoice = DEFAULT_NETWORK,
) -> Run:
    """Put the stages and observers of one run together."""
    label_space = load_label_space(label_space_of(sequence.info, provenance))
    pipeline = make_pipeline(sequence, config, provenance, label_space, network=network)
    from mono_hydra.view.recorder import Recorder

    recorder = Recorder(
        folder,
        config=config,
        label_space=label_space,
        info=sequence.info,
        provenance=provenance,
        command=command,
    )
    pipeline.observers.append(recorder)
    pipeline.pose_listeners.append(recorder.metrics.note_pose)
    log = None
    if rerun != "off":
        from mono_hydra.view.rerun_log import RerunLog

        log = RerunLog(folder / "session.rrd", config.view, label_space, sequence.info.name, rerun)
        pipeline.observers.append(log)
    return Run(sequence, pipeline, recorder, log, folder, quiet)


def label_space_of(info: SequenceInfo, provenance: Provenance) -> str:
    """Name of the label space of a run: the network's where labels come from it."""
    return NETWORK_LABELS if provenance.labels == "m2h" else info.label_space


def make_pipeline(
    sequence: Sequence,
    config: Config,
    provenance: Provenance,
    label_space: LabelSpace,
    observers: Rows[Observer] = (),
    *,
    network: NetworkChoice = DEFAULT_NETWORK,
) -> Pipeline:
    """The pipeline of a recording."""
    from mono_hydra.perception.aligner import Aligner
    from mono_hydra.perception.temporal import TemporalMerger
    from mono_hydra.perception.tracked_scale import TrackedScale

    predictor = make_predictor(sequence, config, provenance, label_space, network)
    tracker = make_tracker(sequence, config, provenance, label_space, predictor)
    aligners: list[StageAligner] = []
    if provenance.depth != "sensor":
        if provenance.poses != "dataset":
            aligners.append(TrackedScale())
        if config.perception.use_landmarks:
            aligners.append(LandmarkCorrection(tracker))
        aligners.append(TemporalMerger(config.perception, label_space))
    aligners.append(Aligner(config.perception, label_space))
    return Pipeline(
        config,
        label_space,
        tracker,
        predictor,
        observers,
        aligners=aligners,
        has_stamps=sequence.info.has_stamps,
    )


def make_tracker(
    sequence: Sequence,
    config: Config,
    provenance: Provenance,
    label_space: LabelSpace,
    predictor: Predictor,
) -> Tracker:
    """What gives poses; only `--poses dataset` reads the recording's own.

    Raises:
        DatasetError: the IMU cannot be read.
    """
    from mono_hydra.sequences.up import find_up
    from mono_hydra.tracking.filter_tracker import track_errors_px
    from mono_hydra.tracking.given import GivenTracker
    from mono_hydra.tracking.inertial_tracker import InertialTracker, tracker_options
    from mono_hydra.tracking.landmarks import LandmarkWindow
    from mono_hydra.tracking.visual_tracker import VisualTracker, visual_options

    if provenance.poses == "dataset":
        window = None
        if provenance.depth != "sensor" and config.perception.use_landmarks:
            sigma_px, slide_px = track_errors_px(config.tracking, sequence.info)
            focal_px = sequence.info.camera.fx
            window = LandmarkWindow(focal_px, sigma_px, slide_px, config.tracking.n_tracks)
        return GivenTracker(sequence.reference(), find_up(sequence).R_zup_world, window)
    if provenance.poses == "vo":
        is_measured = provenance.depth == "sensor"
        level = {label.id for label in label_space.labels if label.name in LEVEL_SURFACES}
        visual = VisualTracker(predictor, visual_options(
            config.tracking, sequence.info,
            depth_is_measured=is_measured,
            level_ids=frozenset(level), dynamic_ids=label_space.dynamic_ids,
        ))  # fmt: skip
        visual.warm_up()
        return visual
    info, imu = sequence.info, sequence.imu()
    if imu is None or info.T_body_camera is None:
        raise DatasetError(f"{info.name}: its IMU cannot be read; use --poses dataset")
    options = tracker_options(
        config.tracking,
        info,
        depth_is_measured=provenance.depth == "sensor",
        dynamic_ids=label_space.dynamic_ids,
    )
    tracker = InertialTracker(imu, info.T_body_camera, predictor, options)
    tracker.warm_up()
    return tracker


def make_predictor(
    sequence: Sequence,
    config: Config,
    provenance: Provenance,
    label_space: LabelSpace,
    network: NetworkChoice = DEFAULT_NETWORK,
) -> Predictor:
    """What gives depth and labels; only what the user asked for reads the recording's own."""
    from mono_hydra.perception.given import GivenPredictor
    from mono_hydra.perception.network import MixedPredictor

    width = config.mapping.image_width
    seen = make_image_predictor(config, provenance, network)
    if seen is not None and provenance.depth != "sensor" and provenance.labels != "dataset":
        return seen
    given = GivenPredictor(
        sequence.reference(),
        label_space,
        config.perception,
        width,
        use_labels=provenance.labels == "dataset",
    )
    if seen is not None:
        return MixedPredictor(seen, given, depth=provenance.depth)
    if config.perception.degrade == "network":
        from mono_hydra.perception.degrade import DegradedPredictor

        return DegradedPredictor(given, label_space, config.perception)
    return given


@dataclass
class Run:
    """A run ready to go; whatever happens, `execute` writes what there is."""

    sequence: Sequence
    pipeline: Pipeline
    recorder: Recorder
    rerun: RerunLog | None
    folder: Path
    quiet: bool

    def execute(self, say: Say) -> int:
        """Process everything, save, print the tree.

        Returns:
            0, or 130 after Ctrl-C with everything saved.

        Raises:
            DatasetError: not one frame could be used; the run folder says why.
        """
        state, message = "complete", ""
        with Progress(self.sequence.info.n_frames, quiet=self.quiet) as progress:
            self.pipeline.observers.append(progress)
            try:
                self.pipeline.run(self.sequence.frames())
            except KeyboardInterrupt:
                state, message = (
                    "interrupted",
                    "stopped by the user; everything up to here is saved",
                )
            except MonoHydraError as error:
                self._save("failed", str(error))
                raise
        if not len(self.pipeline.keyframes) and state == "complete":
            state, message = "failed", self._why_empty()
        self._save(state, message)
        if state == "failed":
            raise DatasetError(message)
        say(self._closing_lines(message))
        return 130 if state == "interrupted" else 0

    def _why_empty(self) -> str:
        reasons = self._skipped() or {"no frames at all": 0}
        text = ", ".join(f"{reason} ({n})" for reason, n in sorted(reasons.items()))
        return (
            f"{self.sequence.info.name}: no frame could be used: {text}; "
            "run scripts/check_sequence.py on it"
        )

    def _skipped(self) -> dict[str, int]:
        predictor = getattr(self.pipeline.predictor, "skipped", {})
        return {**self.sequence.skipped, **self.pipeline.lost, **predictor}

    def _save(self, state: str, message: str) -> None:
        graph = self.pipeline.finish()
        mesh = self.pipeline.mesh.merged()
        trajectory = self.pipeline.trajectory()
        skipped = self._skipped()
        extra: dict[str, Any] = {"skipped": skipped}
        scales = getattr(self.pipeline.predictor, "scales", {})
        if scales:
            extra["depth_scales"] = dict(sorted(scales.items()))
        for stage in self.pipeline.aligners:
            if isinstance(stage, LandmarkCorrection):
                extra["landmarks"] = dict(sorted(stage.counts.items()))
        rooms = self.pipeline.graph.room_layer
        curve = (rooms.curve.thresholds_m, rooms.curve.counts, rooms.delta_m) if rooms else None

        def write() -> None:
            self.recorder.finish(
                graph,
                trajectory,
                mesh=mesh,
                state=state,
                message=message,
                extra_metrics=extra,
                room_curve=curve,
                tracking=self.pipeline.tracker.history,
            )

        for reason, n in sorted(skipped.items()):
            logger.info("%d frames not used: %s", n, reason)
        try:
            self._write_or_rescue(write)
            if self.rerun is not None:
                self.rerun.finish(graph, trajectory)
        finally:
            self.pipeline.close()

    def _write_or_rescue(self, write: Callable[[], None]) -> None:
        """Write the results; on a full disk without the recording, else into a temporary folder.

        Raises:
            OutputError: they are not where they were wanted; it says where they are.
        """
        try:
            write()
            return
        except OutputError as error:
            problem = error
        if self.rerun is not None:
            self.rerun.discard()
            self.rerun = None
            try:
                write()
            except OutputError:
                pass
            else:
                raise OutputError(
                    f"{self.folder}: no room for session.rrd, so it was left out; "
                    "all other results are there"
                ) from problem
        self.recorder.folder = Path(tempfile.mkdtemp(prefix="mono_hydra_results_"))
        write()
        raise OutputError(
            f"{self.folder}: cannot be written; the results were saved in {self.recorder.folder} "
            "instead, so move them from there"
        ) from problem

    def _closing_lines(self, message: str) -> str:
        lines = [message] if message else []
        skipped = self._skipped()
        if skipped:
            lines.append(
                "not used: " + ", ".join(f"{n} frames ({r})" for r, n in sorted(skipped.items()))
            )
        lines.append(tree_text(self.pipeline.graph.graph))
        lines.append(f"results: {self.folder}")
        return "\n".join(lines)
