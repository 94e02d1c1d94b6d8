"""Filtration of a clearance-weighted graph: how it falls apart when obstacles are dilated.

Dilating all obstacles by delta closes every passage narrower than that. On a graph whose edges
carry the clearance of the way along them this means keeping edges wider than delta. Source: Hughes
et al., "Foundations of spatial perception for robotics", 2024, section on rooms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from mono_hydra.types import F8, I4, I8


@dataclass(frozen=True, eq=False)
class FiltrationCurve:
    """Number of components of at least the asked size after each union, from wide to narrow."""

    thresholds_m: F8  # (U,) descending
    counts: I8  # (U,)


@dataclass(frozen=True)
class Plateau:
    """A run of equal counts inside the window of dilations."""

    low_m: float
    high_m: float
    count: int

    @property
    def lifetime_m(self) -> float:
        """Range of dilations over which the count stays."""
        return self.high_m - self.low_m


def filtration(n_nodes: int, edges: I4, widths_m: F8, min_size: int) -> FiltrationCurve:
    """Count components of >= min_size nodes while edges (E, 2) are added from wide to narrow."""
    order = np.lexsort((edges[:, 1], edges[:, 0], -widths_m))
    counts = np.zeros(len(edges), np.int64)
    _count_components(n_nodes, np.ascontiguousarray(edges[order], np.int32), min_size, counts)
    joined = counts >= 0
    return FiltrationCurve(np.asarray(widths_m, np.float64)[order][joined], counts[joined])


def plateaus(curve: FiltrationCurve, low_m: float, high_m: float) -> list[Plateau]:
    """Maximal runs of equal counts within [low_m, high_m], from the narrowest up."""
    inside = (curve.thresholds_m >= low_m) & (curve.thresholds_m <= high_m)
    widths, counts = curve.thresholds_m[inside][::-1], curve.counts[inside][::-1]
    if len(widths) == 0:
        return []
    starts = np.flatnonzero(np.concatenate([[True], counts[1:] != counts[:-1]]))
    ends = np.concatenate([starts[1:], [len(counts)]]) - 1
    return [
        Plateau(float(widths[a]), float(widths[b]), int(counts[a]))
        for a, b in zip(starts, ends, strict=True)
    ]


def choose_plateau(runs: list[Plateau], ratio: float) -> Plateau | None:
    """The run of most components among those that live `ratio` as long as the longest one."""
    runs = [r for r in runs if r.count > 0]
    if not runs:
        return None
    longest = max(r.lifetime_m for r in runs)
    lasting = [r for r in runs if r.lifetime_m >= ratio * longest]
    return max(lasting, key=lambda r: (r.count, -r.low_m))


def seeds(radii_m: F8, edges: I4, widths_m: F8, delta_m: float, min_size: int) -> I4:
    """Component number 0, 1 ... of each node at one dilation, -1 for small or closed ones.

    A node of radius (N,) <= delta_m is closed, and so is an edge of width (E,) <= delta_m.
    """
    n_nodes = len(radii_m)
    root = np.empty(n_nodes, np.int32)
    wide = (widths_m > delta_m) & (np.asarray(radii_m)[edges] > delta_m).all(axis=1)
    _roots(n_nodes, np.ascontiguousarray(edges[wide], np.int32), root)
    size = np.bincount(root, minlength=n_nodes) if n_nodes else np.zeros(0, np.int64)
    number = np.full(n_nodes, -1, np.int32)
    big = np.flatnonzero(size >= min_size)
    number[big] = np.arange(len(big))
    return np.asarray(number[root]) if n_nodes else number


def grow(seed: I4, edges: I4, widths_m: F8) -> I4:
    """Give each node (N,) without a seed (-1) the seed that reaches it over the widest passage.

    Adding edges from wide to narrow and never joining two seeded pieces is that watershed.
    """
    order = np.lexsort((edges[:, 1], edges[:, 0], -widths_m))
    label = np.array(seed, np.int32)
    _grow(np.ascontiguousarray(edges[order], np.int32), label)
    return label


@njit(cache=True, nogil=True)
def _find(root: I4, a: int) -> int:
    while root[a] != a:
        root[a] = root[root[a]]
        a = root[a]
    return a


@njit(cache=True, nogil=True)
def _count_components(n: int, edges: I4, min_size: int, counts: I8) -> None:
    root = np.arange(n).astype(np.int32)
    size = np.ones(n, np.int32)
    count = n if min_size <= 1 else 0
    for m in range(edges.shape[0]):
        a, b = _find(root, edges[m, 0]), _find(root, edges[m, 1])
        counts[m] = -1  # the edge joined nothing
        if a != b:
            count -= int(size[a] >= min_size) + int(size[b] >= min_size)
            root[b] = a
            size[a] += size[b]
            count += int(size[a] >= min_size)
            counts[m] = count


@njit(cache=True, nogil=True)
def _roots(n: int, edges: I4, root: I4) -> None:
    for a in range(n):
        root[a] = a
    for m in range(edges.shape[0]):
        a, b = _find(root, edges[m, 0]), _find(root, edges[m, 1])
        root[max(a, b)] = min(a, b)
    for a in range(n):
        root[a] = _find(root, a)


@njit(cache=True, nogil=True)
def _grow(edges: I4, label: I4) -> None:
    n = label.shape[0]
    root = np.arange(n).astype(np.int32)
    of_root = label.copy()
    for m in range(edges.shape[0]):
        a, b = _find(root, edges[m, 0]), _find(root, edges[m, 1])
        if a == b or (of_root[a] >= 0 and of_root[b] >= 0 and of_root[a] != of_root[b]):
            continue
        root[b] = a
        of_root[a] = max(of_root[a], of_root[b])
    for a in range(n):
        label[a] = of_root[_find(root, a)]
