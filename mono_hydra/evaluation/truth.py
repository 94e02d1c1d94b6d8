"""Reads the truth folder of a sequence: what was there, for scoring alone.

Every part but `meta.json` and `trajectory.txt` may be absent and then reads as None. World z up,
metres, seconds; poses T_world_camera.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mono_hydra.errors import EvaluationError
from mono_hydra.evaluation.surface import Surface
from mono_hydra.files.ply import read_ply
from mono_hydra.files.trajectory import read_trajectory
from mono_hydra.types import F4, F8, I8, Bool, Camera

SEEN_FRAMES = 3


@dataclass(frozen=True)
class TrueLabel:
    """One class of the truth's label table."""

    id: int
    name: str
    kind: str
    remap: str | None


@dataclass(frozen=True, eq=False)
class TrueMesh:
    """The static world at t = 0."""

    surface: Surface


@dataclass(frozen=True, eq=False)
class Samples:
    """Points on the true surface, 400 to the square metre."""

    points_m: F8  # (N, 3)
    normals: F8  # (N, 3), towards free space
    label: I8  # (N,)
    instance: I8  # (N,), 0 = structure
    room: I8  # (N,)
    is_seen: Bool  # (N,)


@dataclass(frozen=True, eq=False)
class FreeSpace:
    """Voxels of free space."""

    origin_m: F8  # (3,) outer corner of voxel (0, 0, 0)
    voxel_m: float
    room: I8  # (X, Y, Z), 0 = matter or outside
    seen_free: Bool  # (X, Y, Z)
    clearance_m: F4  # (X, Y, Z)
    gvd: Bool  # (X, Y, Z)

    def centers(self, voxels: I8) -> F8:
        """World centres (N, 3) of voxel indices (N, 3)."""
        return np.asarray(self.origin_m + (voxels + 0.5) * self.voxel_m)


@dataclass(frozen=True, eq=False)
class Truth:
    """A truth folder; parts are read when first asked for."""

    folder: Path
    meta: dict[str, Any]
    stamps_s: F8  # (M,)
    T_world_camera: F8  # (M, 4, 4)

    @cached_property
    def camera(self) -> Camera:
        """Camera of the images."""
        c = self.meta["camera"]
        return Camera(
            int(c["width"]), int(c["height"]),
            float(c["fx"]), float(c["fy"]), float(c["cx"]), float(c["cy"]),
            c.get("model") or "pinhole", tuple(float(k) for k in c.get("distortion") or ()),
        )  # fmt: skip

    @property
    def max_range_m(self) -> float:
        """Range up to which a surface counts as seen."""
        return float(self.meta.get("max_range_m", 5.0))

    @property
    def robot_radius_m(self) -> float:
        """Radius of the robot that routes are for."""
        return float(self.meta.get("robot_radius_m", 0.2))

    @cached_property
    def labels(self) -> dict[int, TrueLabel]:
        """The label table by id."""
        rows = self.meta.get("labels") or []
        table = {}
        for r in rows:
            remap = r.get("remap") if isinstance(r.get("remap"), str) else None
            table[int(r["id"])] = TrueLabel(int(r["id"]), str(r["name"]), str(r["kind"]), remap)
        return table

    @cached_property
    def mesh(self) -> TrueMesh | None:
        """The true surface."""
        path = self.folder / "mesh.ply"
        if not path.is_file():
            return None
        mesh = read_ply(path)
        return TrueMesh(Surface(mesh.vertices_m.astype(np.float64), mesh.faces.astype(np.int64)))

    @cached_property
    def samples(self) -> Samples | None:
        """Points on the true surface and whether the camera saw them."""
        data = self._npz("samples.npz")
        if data is None:
            return None
        return Samples(
            data["points"].astype(np.float64),
            data["normals"].astype(np.float64),
            data["label"].astype(np.int64),
            data["instance"].astype(np.int64),
            data["room"].astype(np.int64),
            data["seen"] >= SEEN_FRAMES,
        )

    @cached_property
    def free_space(self) -> FreeSpace | None:
        """Voxels of free space."""
        d = self._npz("free_space.npz")
        if d is None:
            return None
        return FreeSpace(
            np.asarray(d["origin"], np.float64), float(d["voxel_m"]), d["room"].astype(np.int64),
            d["seen_free"].astype(bool), d["clearance"].astype(np.float32), d["gvd"].astype(bool),
        )  # fmt: skip

    @cached_property
    def objects(self) -> list[dict[str, Any]] | None:
        """Records of the true objects."""
        data = self._json("objects.json")
        return None if data is None else data["objects"]

    @cached_property
    def building(self) -> dict[str, Any] | None:
        """Storeys, rooms, doors."""
        data: dict[str, Any] | None = self._json("rooms.json")
        return data

    @cached_property
    def relations(self) -> list[tuple[int, str, int]] | None:
        """(subject, predicate, object) of true objects."""
        data = self._json("relations.json")
        if data is None:
            return None
        triples = data["triples"] if isinstance(data, dict) else data
        return [(int(s), str(p), int(o)) for s, p, o in triples]

    def visibility(self) -> dict[str, Any] | None:
        """Pixels of every object in every frame."""
        return self._npz("visibility.npz")

    def _json(self, name: str) -> Any:
        return read_json(self.folder / name) if (self.folder / name).is_file() else None

    def _npz(self, name: str) -> dict[str, Any] | None:
        path = self.folder / name
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as data:
                return {key: data[key] for key in data.files}
        except (OSError, ValueError, EOFError) as error:
            raise EvaluationError(f"{path}: not readable; write the truth again") from error


def read_truth(folder: Path | str) -> Truth:
    """Open a truth folder, or a sequence folder that holds one as `truth/`.

    Raises:
        EvaluationError: no such folder, or no readable `meta.json` in it.
        DatasetError: no readable `trajectory.txt` in it.
    """
    folder = Path(folder)
    if not (folder / "meta.json").is_file() and (folder / "truth").is_dir():
        folder = folder / "truth"
    if not (folder / "meta.json").is_file():
        raise EvaluationError(f"{folder}: no meta.json; give --truth the sequence's truth folder")
    stamps_s, T_world_camera = read_trajectory(folder / "trajectory.txt")
    meta = read_json(folder / "meta.json")
    if not isinstance(meta, dict) or not isinstance(meta.get("camera"), dict):
        raise EvaluationError(f"{folder / 'meta.json'}: holds no camera; write the truth again")
    return Truth(folder, meta, stamps_s, T_world_camera)


def read_json(path: Path) -> Any:
    """Contents of a JSON file.

    Raises:
        EvaluationError: it is not readable JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise EvaluationError(f"{path}: not readable as JSON; the file is damaged") from error
