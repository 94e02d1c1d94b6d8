"""Progress on a terminal; plain lines now and then elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from tqdm import tqdm

from mono_hydra.pipeline import Step

Report = Callable[[str, float], None]


class Progress:
    """Observer that draws a bar; `n_frames` None for a stream."""

    def __init__(self, n_frames: int | None, *, quiet: bool) -> None:
        hidden = quiet or not sys.stderr.isatty()
        self._bar = tqdm(total=n_frames, unit="frame", disable=hidden, dynamic_ncols=True)
        self._n_keyframes = 0

    def step(self, step: Step) -> None:
        """Advance to the frame of this step."""
        self._bar.update(1)
        self._n_keyframes += step.keyframe is not None
        if step.graph is not None:
            self._bar.set_postfix(
                keyframes=self._n_keyframes, rooms=len(step.graph.nodes("rooms")), refresh=False
            )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()


@contextmanager
def progress_line(title: str, say: Callable[[str], None]) -> Iterator[Report]:
    """A reporter for work with named stages: report(stage, share done of all)."""
    hidden = not sys.stderr.isatty()
    announced: list[str] = []
    with tqdm(
        total=100,
        desc=title,
        disable=hidden,
        bar_format="{desc} {percentage:3.0f}%|{bar}|{postfix}",
    ) as bar:

        def report(stage: str, share: float) -> None:
            bar.n = int(100 * min(max(share, 0.0), 1.0))
            bar.set_postfix_str(stage)
            if hidden and not announced:
                announced.append(stage)
                say(f"{title} ...")

        yield report
