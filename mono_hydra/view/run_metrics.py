"""What a run measured of itself: rates, times of the stages, memory, counts."""

from __future__ import annotations

import platform
import sys
import time
from collections import Counter, defaultdict
from dataclasses import asdict
from importlib import metadata
from typing import Any

import numpy as np
import psutil

import mono_hydra
from mono_hydra.graph.scene_graph import LAYERS, SceneGraph
from mono_hydra.types import MeshBlock, Provenance, SequenceInfo, TrackedPose
from mono_hydra.view.observer import StepLike

SCHEMA = "mono_hydra/metrics/1"
_HISTORY = 150  # points of a timing curve kept for the report
_PACKAGES = ("numpy", "scipy", "numba", "opencv-python-headless", "networkx", "rerun-sdk")


class RunMetrics:
    """Counts steps and gathers their times."""

    def __init__(self, info: SequenceInfo, provenance: Provenance) -> None:
        self.info = info
        self.provenance = provenance
        self.timing_ms: dict[str, list[tuple[float, float]]] = defaultdict(list)  # (stamp, ms)
        self.states: Counter[str] = Counter()
        self.n_keyframes = 0
        self.first_s = self.last_s = float("nan")
        self.startup_s = float("nan")  # from the start of this process to the first pose
        self._started_s = time.perf_counter()

    def note_pose(self, _tracked: TrackedPose) -> None:
        """Hear of a pose as soon as it is known."""
        if np.isnan(self.startup_s):
            self.startup_s = time.time() - psutil.Process().create_time()

    def step(self, step: StepLike) -> None:
        """Take one step."""
        stamp = step.frame.stamp_s
        if not sum(self.states.values()):
            self.first_s = stamp
        self.last_s = stamp
        self.states[step.tracked.state] += 1
        self.n_keyframes += step.keyframe is not None
        for stage, ms in step.timing_ms.items():
            self.timing_ms[stage].append((stamp - self.first_s, ms))

    def summary(self, graph: SceneGraph, mesh: MeshBlock | None) -> dict[str, Any]:
        """The record that becomes metrics.json."""
        n_frames = sum(self.states.values())
        wall_s = time.perf_counter() - self._started_s
        duration_s = float(np.nan_to_num(self.last_s - self.first_s))
        summary = {
            "schema": SCHEMA,
            "sequence": self.info.name,
            "kind": self.info.kind,
            "stand_in": self.info.stand_in or self.provenance.stand_in,
            "provenance": asdict(self.provenance),
            "frames": n_frames,
            "keyframes": self.n_keyframes,
            "states": dict(sorted(self.states.items())),
            "duration_s": round(duration_s, 3),
            "wall_s": round(wall_s, 3),
            "startup_s": None if np.isnan(self.startup_s) else round(self.startup_s, 3),
            "frames_per_s": round(n_frames / wall_s, 3) if wall_s > 0 else 0.0,
            "peak_rss_mb": peak_rss_mb(),
            "timing_ms": {k: _timing(v) for k, v in sorted(self.timing_ms.items())},
            "graph": {layer: len(graph.nodes(layer)) for layer in LAYERS},
            "machine": {"system": platform.system(), "cpu": platform.machine()},
            "versions": versions(),
        }
        if mesh is not None:
            summary["mesh"] = {"vertices": len(mesh.vertices_m), "triangles": len(mesh.faces)}
        return summary


def _timing(rows: list[tuple[float, float]]) -> dict[str, Any]:
    """Percentiles, and a curve of medians over equal shares of the run."""
    table = np.array(rows, dtype=np.float64)
    ms = table[:, 1]
    shares = np.array_split(table, min(len(table), _HISTORY))
    return {
        "n": len(ms),
        "p50": round(float(np.median(ms)), 3),
        "p95": round(float(np.percentile(ms, 95)), 3),
        "max": round(float(ms.max()), 3),
        "sum_s": round(float(ms.sum()) / 1000.0, 3),
        "history": [[round(float(v), 3) for v in np.median(share, axis=0)] for share in shares],
    }


def peak_rss_mb() -> float | None:
    """Largest resident memory of this process so far, MB; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)


def versions() -> dict[str, str]:
    """Versions of the project and of the packages that decide results."""
    found = {"python": platform.python_version(), "mono_hydra": mono_hydra.__version__}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
