"""Batches made ahead of the step that needs them, in order, by background threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def prefetched(
    make: Callable[[int], T], indices: Iterable[int], *, n_threads: int = 1, ahead: int = 2
) -> Generator[T, None, None]:
    """Yield `make(i)` in the order of `indices`; up to `ahead` per thread are made early.

    Threads and not processes: decoding, resizing and the network's arithmetic release the
    interpreter lock. An error in `make` is raised where its result would have come.
    """
    remaining = iter(indices)
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(n_threads, thread_name_prefix="batches") as pool:
        try:
            for index in remaining:
                waiting.append(pool.submit(make, index))
                if len(waiting) >= n_threads * ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
