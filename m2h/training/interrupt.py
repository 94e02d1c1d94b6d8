"""Ctrl-C and termination are noticed between two steps, so that no half step is saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Whether the user asked to stop."""

    def __init__(self) -> None:
        self.is_requested = False

    def request(self, number: int, frame: FrameType | None) -> None:
        """Signal handler; the second request stops at once."""
        if self.is_requested:
            raise KeyboardInterrupt
        self.is_requested = True


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Collect SIGINT and SIGTERM while the block runs (in the main thread; no-op elsewhere)."""
    asked = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {s: signal.signal(s, asked.request) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
