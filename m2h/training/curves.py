"""Curves of a training: one JSON object per line, and a picture of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Curves:
    """Appends records with a `step`; `curves.jsonl` and `curves.png` lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "curves.jsonl"
        self.picture = folder / "curves.png"

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dict(record), sort_keys=True) + "\n")

    def read(self) -> list[dict[str, Any]]:
        """All whole lines; one cut short by a crash is left out."""
        if not self.path.is_file():
            return []
        records = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return records

    def rewind(self, step: int) -> None:
        """Drop what was written after `step` steps were done: a resumed run writes it again."""
        kept = [record for record in self.read() if record["step"] <= step]
        text = "".join(json.dumps(record, sort_keys=True) + "\n" for record in kept)
        self.path.write_text(text, encoding="utf-8")

    def draw(self) -> None:
        """Losses on the left, held-out scores on the right."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(14, 4.5), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        records = self.read()
        for prefix, axes in (("loss.", left), ("heldout.", right)):
            for name in sorted({key for r in records for key in r if key.startswith(prefix)}):
                # degrees share the axis with shares between 0 and 1
                unit, note = (0.01, " / 100") if name.endswith("_deg") else (1.0, "")
                points = [(r["step"], unit * r[name]) for r in records if r.get(name) is not None]
                label = name.removeprefix(prefix) + note
                axes.plot(*zip(*points, strict=True), label=label, lw=1, marker=".", ms=3)
            axes.set_xlabel("step")
            axes.grid(alpha=0.3)
            if axes.lines:
                axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))
        left.set_title("training losses")
        left.set_yscale("symlog", linthresh=0.1)
        right.set_title("held-out scores")
        figure.savefig(self.picture, dpi=100)
