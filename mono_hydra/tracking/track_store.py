"""Sights of tracked features, kept until an update takes them: each one is used at most once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mono_hydra.types import F8, I8


@dataclass(frozen=True, eq=False)
class FeatureTracks:
    """What the front end sees in one image; predicted depth where it has one."""

    ids: I8  # (N,) unique
    points: F8  # (N, 2) normalised image coordinates, undistorted
    depth_m: F8 | None = None  # (N,) predicted, NaN where there is none
    depth_sigma: F8 | None = None  # (N,) standard deviation of ln depth


@dataclass(frozen=True)
class Sight:
    """One track seen by one clone."""

    clone_id: int
    u: float
    v: float
    log_depth: float = np.nan
    depth_sigma: float = np.nan


@dataclass(frozen=True, eq=False)
class UsedTracks:
    """Sights taken out for one update, track after track."""

    ids: I8  # (T,)
    starts: I8  # (T + 1,)
    clone_ids: I8  # (M,)
    uv: F8  # (M, 2)
    log_depth: F8  # (M,), NaN where none
    depth_sigma: F8  # (M,)


class TrackStore:
    """Sights by track."""

    def __init__(self) -> None:
        self.sights: dict[int, list[Sight]] = {}

    def add(self, clone_id: int, tracks: FeatureTracks, others: Iterable[int] = ()) -> None:
        """One image's points, belonging to a clone, but for tracks that are used elsewhere."""
        elsewhere = set(others)
        for track_id, (u, v) in zip(tracks.ids.tolist(), tracks.points.tolist(), strict=True):
            if track_id not in elsewhere:
                self.sights.setdefault(track_id, []).append(Sight(clone_id, u, v))

    def add_depth(self, clone_id: int, ids: I8, log_depth: F8, sigma: F8) -> int:
        """Attach predicted depth to sights of a clone not used yet; returns how many."""
        n_added = 0
        for i, track_id in enumerate(ids.tolist()):
            sights = self.sights.get(track_id, [])
            at = next((n for n, s in enumerate(sights) if s.clone_id == clone_id), None)
            if at is None:
                continue
            s = sights[at]
            sights[at] = Sight(clone_id, s.u, s.v, float(log_depth[i]), float(sigma[i]))
            n_added += 1
        return n_added

    def ended(self, current_ids: Iterable[int]) -> list[int]:
        """Tracks that the newest image has lost, sorted."""
        return sorted(set(self.sights) - set(current_ids))

    def seen_by(self, clone_id: int) -> list[int]:
        """Tracks with a sight by the clone, sorted."""
        return sorted(i for i, s in self.sights.items() if any(x.clone_id == clone_id for x in s))

    def take(self, ids: Iterable[int], limit: int) -> UsedTracks:
        """Remove and return the sights of tracks, longest first; beyond the limit they are lost."""
        taken = [(i, self.sights.pop(i)) for i in ids]
        taken.sort(key=lambda one: (-len(one[1]), one[0]))
        taken = [one for one in taken if len(one[1]) >= 2][:limit]
        flat = [s for _, sights in taken for s in sights]
        counts = [len(sights) for _, sights in taken]
        return UsedTracks(
            np.array([i for i, _ in taken], np.int64),
            np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64),
            np.array([s.clone_id for s in flat], np.int64),
            np.array([(s.u, s.v) for s in flat], np.float64).reshape(-1, 2),
            np.array([s.log_depth for s in flat], np.float64),
            np.array([s.depth_sigma for s in flat], np.float64),
        )

    def forget_clone(self, clone_id: int) -> None:
        """Drop the sights of a clone that leaves the window."""
        for track_id, sights in list(self.sights.items()):
            left = [s for s in sights if s.clone_id != clone_id]
            if left:
                self.sights[track_id] = left
            else:
                del self.sights[track_id]
