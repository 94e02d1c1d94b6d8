"""The report of an ablation: `ablation.md`, `ablation.json`, `curves.png` in the study's folder.

The findings are written from the intervals alone, in the same words whichever way they point.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from m2h.ablation.curves import draw_curves
from m2h.ablation.study import Results, Study
from m2h.ablation.summary import ALL_SOURCES, summary_of

COLUMNS = {
    "depth.abs_rel": "AbsRel",
    "depth.delta1": "δ < 1.25",
    "semantics.miou": "mIoU",
    "normals.mean_deg": "normals °",
    "edges.ods_fast": "edges F",
    "consistency.depth_normals_deg": "depth-normals °",
    "consistency.edges_labels_f": "edges-labels F",
}


def write_report(study: Study, results: Results) -> dict[str, Any]:
    """Write the three files; returns what is in the JSON file."""
    summary = summary_of(study, results)
    _write(study.out / "ablation.json", json.dumps(summary, indent=1, sort_keys=True) + "\n")
    _write(study.out / "ablation.md", markdown_of(summary))
    draw_curves(study, study.out / "curves.png")
    return summary


def markdown_of(summary: Mapping[str, Any]) -> str:
    """The report as text."""
    return "\n".join(_lines(summary)) + "\n"


def _lines(summary: Mapping[str, Any]) -> Iterator[str]:
    yield from ("# Ablation of the network", "")
    yield from _configuration(summary)
    yield from ("", "## Findings", "")
    yield from findings(summary)
    for source, table in summary["scores"].items():
        yield from ("", f"## {source}: mean ± standard deviation over the seeds", "")
        yield from _table(summary, source, table)
    for source, rows in summary["differences"].items():
        name = "all sources" if source == ALL_SOURCES else source
        yield from ("", f"## {name}: difference from `{summary['reference']}`", "")
        yield "Mean and 95 % interval of variant minus full network; bold: the interval excludes 0."
        yield ""
        yield from _difference_table(summary, rows)
    yield from ("", "![held-out scores during the training](curves.png)")


def _configuration(summary: Mapping[str, Any]) -> Iterator[str]:
    c = summary["configuration"]
    training = c["training"]
    pictures = ", ".join(f"{n} {name}" for name, n in c["pictures"].items())
    switches, start = c["switches"] or "none", c["encoder_start"]
    yield f"* Network {c['preset']}, switches {switches}, encoder from {start}."
    yield (
        f"* {training['steps']} steps of {training['batch'] * training['accumulate']} pictures of "
        f"{c['size'][0]}x{c['size'][1]} ({pictures}; shares {c['shares'] or 'usual'}), "
        f"rate {training['rate']:g}; all settings in `study.json`."
    )
    yield (
        f"* Seeds {', '.join(map(str, c['seeds']))}; judged on at most {c['judging']['n_images']} "
        f"held-out pictures of each source in {c['judging']['n_blocks']} blocks; "
        f"device {c['device']}."
    )
    for name, variant in summary["variants"].items():
        size = variant["parameters"]
        told = f"{size / 1e6:.2f} M parameters" if size else "not finished"
        yield f"* `{name}`: {variant['title']}; {told}, seeds {variant['seeds'] or 'none'}."
    if summary["unfinished"]:
        yield f"* **Not finished**: {', '.join(summary['unfinished'])}; the same command goes on."


def findings(summary: Mapping[str, Any]) -> list[str]:
    """One line a variant and source, from the intervals of the headline scores."""
    lines = []
    n_compared = 0
    for source, rows in summary["differences"].items():
        for variant, differences in rows.items():
            headline = {k: differences[k] for k in COLUMNS if k in differences}
            n_compared += len(headline)
            if headline:
                lines.append(f"* {source}, `{variant}` {_finding(headline)}.")
    if not lines:
        return ["Nothing can be compared yet."]
    n_seeds = max(1, min(len(v["seeds"]) for v in summary["variants"].values()))
    lines.append(
        f"* {n_compared} comparisons: about one in twenty would be called a difference by chance "
        f"alone. {n_seeds} seeds agree on a sign by chance in {200 * 0.5**n_seeds:.0f} % of the "
        "cases: what Student's t over the seeds does not support is marked."
    )
    return lines


def _finding(differences: Mapping[str, Mapping[str, Any]]) -> str:
    by_verdict: dict[str, list[str]] = {}
    for key, d in differences.items():
        text = COLUMNS[key]
        if d["verdict"] in ("better", "worse"):
            doubt = "" if _is_supported(d) else ", not by Student's t"
            text += f" ({_signed(d['mean'])}{doubt})"
        by_verdict.setdefault(d["verdict"], []).append(text)
    order = ("better", "worse", "no difference", "too few seeds")
    parts = [f"{v}: {', '.join(by_verdict[v])}" for v in order if v in by_verdict]
    return "against the full network " + "; ".join(parts)


def _is_supported(d: Mapping[str, Any]) -> bool:
    """Whether the interval of Student's t excludes 0 too."""
    return d["t_low"] is not None and (d["t_low"] > 0 or d["t_high"] < 0)


def _table(summary: Mapping[str, Any], source: str, table: Mapping[str, Any]) -> Iterator[str]:
    keys = [key for key in COLUMNS if key in table]
    yield "| variant | " + " | ".join(COLUMNS[key] for key in keys) + " |"
    yield "| --- " * (len(keys) + 1) + "|"
    for variant in summary["variants"]:
        cells = [_mean_sd(table[key].get(variant)) for key in keys]
        yield f"| `{variant}` | " + " | ".join(cells) + " |"
    truth = summary["truth"].get(source, {})
    cells = [_number(truth[key]) if key in truth else "" for key in keys]
    yield "| the truth itself | " + " | ".join(cells) + " |"


def _difference_table(summary: Mapping[str, Any], rows: Mapping[str, Any]) -> Iterator[str]:
    keys = [key for key in COLUMNS if any(key in row for row in rows.values())]
    yield "| variant | " + " | ".join(COLUMNS[key] for key in keys) + " |"
    yield "| --- " * (len(keys) + 1) + "|"
    for variant in summary["variants"]:
        if variant in rows:
            cells = [_interval(rows[variant].get(key)) for key in keys]
            yield f"| `{variant}` | " + " | ".join(cells) + " |"


def _mean_sd(cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return "-"
    spread = f" ± {_number(cell['sd'])}" if cell["sd"] is not None else ""
    return _number(cell["mean"]) + spread


def _interval(d: Mapping[str, Any] | None) -> str:
    if d is None:
        return "-"
    text = f"{_signed(d['mean'])} [{_signed(d['low'])}, {_signed(d['high'])}]"
    return f"**{text}** {d['verdict']}" if d["verdict"] in ("better", "worse") else text


def _number(x: float) -> str:
    return f"{x:.3g}"


def _signed(x: float) -> str:
    return f"{x:+.2g}"


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
