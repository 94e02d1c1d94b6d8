"""The numbers of an ablation as one JSON object: means, deviations, worst seeds, differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from m2h.ablation.compare import N_DRAWS, BySeed, compare, has_direction, is_less_better
from m2h.ablation.judging import Judged
from m2h.ablation.study import Results, Study
from m2h.ablation.variants import REFERENCE

ALL_SOURCES = "all"


def summary_of(study: Study, results: Results) -> dict[str, Any]:
    """Everything the report shows.

    Returns:
        `configuration`; `variants` (title, parameters, seeds); `scores` by source, score and
        variant (mean, sd with n - 1, n, worst seed); `truth`, the consistency of the truth by
        source; `differences` from the full network by source (`all`: over the blocks of all
        sources), variant and score; `unfinished`.
    """
    return {
        "reference": REFERENCE,
        "configuration": {
            **study.shared(),
            "seeds": list(study.seeds),
            "device": study.device,
            "judging": asdict(study.judging),
            "bootstrap": {"draws": N_DRAWS, "seed": 0},
        },
        "variants": {
            v.name: {
                "title": v.title,
                "parameters": results.n_parameters.get(v.name),
                "seeds": sorted(results.scores[v.name]),
            }
            for v in study.variants
        },
        "scores": {source: _scores(results, source) for source in _sources(results)},
        "truth": results.truth,
        "differences": _differences(results),
        "unfinished": list(results.unfinished),
    }


def _sources(results: Results) -> list[str]:
    found = {
        s for runs in results.scores.values() for judged in runs.values() for s in judged.whole
    }
    return sorted(found)


def _scores(results: Results, source: str) -> dict[str, dict[str, Any]]:
    """Statistics by score and variant."""
    table: dict[str, dict[str, Any]] = {}
    for variant, runs in results.scores.items():
        by_seed = {seed: judged.whole.get(source, {}) for seed, judged in sorted(runs.items())}
        for key in sorted({key for scores in by_seed.values() for key in scores}):
            values = {seed: scores[key] for seed, scores in by_seed.items() if key in scores}
            table.setdefault(key, {})[variant] = _statistics(key, values)
    return dict(sorted(table.items()))


def _statistics(key: str, values: Mapping[int, float]) -> dict[str, Any]:
    numbers = list(values.values())
    worst = max(values, key=lambda s: values[s] if is_less_better(key) else -values[s])
    return {
        "mean": float(np.mean(numbers)),
        "sd": float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None,
        "n": len(numbers),
        "worst": {"seed": worst, "value": values[worst]} if has_direction(key) else None,
    }


def _differences(results: Results) -> dict[str, dict[str, dict[str, Any]]]:
    """Variant minus full network by source, variant and score."""
    sources = _sources(results)
    parts = [*sources, ALL_SOURCES] if len(sources) > 1 else sources
    return {part: _differences_of(results, part) for part in parts}


def _differences_of(results: Results, source: str) -> dict[str, dict[str, Any]]:
    reference = _blocks(results.scores[REFERENCE], source)
    found: dict[str, dict[str, Any]] = {}
    for variant, runs in results.scores.items():
        if variant == REFERENCE:
            continue
        blocks = _blocks(runs, source)
        keys = {key for run in blocks.values() for scores in run.values() for key in scores}
        compared = {key: compare(blocks, reference, key) for key in sorted(keys)}
        found[variant] = {key: asdict(d) for key, d in compared.items() if d is not None}
    return found


def _blocks(runs: Mapping[int, Judged], source: str) -> BySeed:
    return {
        seed: {
            name: scores
            for name, scores in judged.blocks.items()
            if source == ALL_SOURCES or name.startswith(f"{source}/")
        }
        for seed, judged in runs.items()
    }
