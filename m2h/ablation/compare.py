"""Paired comparison of two variants over seeds and blocks of images.

A pair is one block of images judged by the networks of one seed. Seeds and blocks are drawn anew
independently of each other (the pigeonhole bootstrap, Owen 2007): images judged by one network are
not independent, and neither are networks judged on one image. With one block this is the bootstrap
over seeds. With few seeds it is too narrow (three seeds agree by chance one time in four, and look
like a finding then), so Student's t over the means of the seeds stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from m2h.types import F8

N_DRAWS = 10_000
MIN_SEEDS = 3  # for a verdict
LESS_IS_BETTER = ("_deg", ".abs_rel", ".abs_rel_median", ".ause", ".rmse")
Scores = Mapping[str, float]  # score -> value
ByBlock = Mapping[str, Scores]  # block -> scores
BySeed = Mapping[int, ByBlock]  # seed -> blocks
Verdict = Literal["better", "worse", "no difference", "too few seeds", "not judged"]


@dataclass(frozen=True)
class Difference:
    """Variant minus reference in one score."""

    mean: float
    low: float  # of the 95 % interval of the bootstrap
    high: float
    t_low: float | None  # of the 95 % interval of Student's t; None with one seed
    t_high: float | None
    n_seeds: int
    n_blocks: int
    verdict: Verdict


def compare(
    variant: BySeed, reference: BySeed, key: str, draws: int = N_DRAWS
) -> Difference | None:
    """The difference in a score over the seeds and blocks that both have; None without any."""
    seeds = sorted(set(variant) & set(reference))
    if not seeds:
        return None
    blocks = [
        block
        for block in sorted(variant[seeds[0]])
        if all(key in run[seed].get(block, {}) for run in (variant, reference) for seed in seeds)
    ]
    if not blocks:
        return None
    difference = np.array([
        [variant[seed][block][key] - reference[seed][block][key] for block in blocks]
        for seed in seeds
    ])  # fmt: skip
    low, high = bootstrap_interval(difference, draws)
    mean = float(difference.mean())
    verdict: Verdict = "too few seeds"
    if len(seeds) >= MIN_SEEDS or not has_direction(key):
        verdict = _verdict(key, mean, low, high)
    t_low, t_high = student_interval(difference.mean(axis=1))
    return Difference(mean, low, high, t_low, t_high, len(seeds), len(blocks), verdict)


def bootstrap_interval(difference: F8, draws: int = N_DRAWS) -> tuple[float, float]:
    """95 % interval of the mean of (seeds, blocks) paired differences; generator seed 0."""
    n_seeds, n_blocks = difference.shape
    rng = np.random.default_rng(0)
    of_seed = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=draws) / n_seeds
    of_block = rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), size=draws) / n_blocks
    means = np.einsum("ds,sb,db->d", of_seed, difference, of_block)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def student_interval(difference: F8) -> tuple[float, float] | tuple[None, None]:
    """95 % interval of the mean of one value a seed; None with one seed."""
    from scipy.stats import t

    n = len(difference)
    if n < 2:
        return None, None
    half = float(t.ppf(0.975, n - 1) * np.std(difference, ddof=1) / np.sqrt(n))
    mean = float(difference.mean())
    return mean - half, mean + half


def is_less_better(key: str) -> bool:
    """Whether a smaller value of a score is better; a wrong guess would turn a finding round."""
    return key.endswith(LESS_IS_BETTER)


def has_direction(key: str) -> bool:
    """Whether more or less is better at all: a share within one sigma has a target."""
    return not key.endswith("within_1sigma")


def _verdict(key: str, mean: float, low: float, high: float) -> Verdict:
    if not has_direction(key):
        return "not judged"
    if low <= 0 <= high:
        return "no difference"
    return "better" if (mean < 0) == is_less_better(key) else "worse"
