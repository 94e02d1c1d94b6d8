"""The networks that an ablation compares: one switch at a time from the full one.

Source: the ablation of M2H (arXiv 2510.17363), which removes WMCA and GGFM; `concat` is the
simplest exchange between tasks, `separate` the four networks that M2H replaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from m2h.errors import PresetError
from m2h.types import TASKS, Task

REFERENCE = "wmca"


@dataclass(frozen=True)
class Member:
    """One network that is trained for a variant."""

    name: str  # of its folder
    switches: Mapping[str, Any] = field(default_factory=dict)  # of the preset


@dataclass(frozen=True)
class Variant:
    """One row of the table: a network, or several whose outputs are put together."""

    name: str
    title: str
    members: tuple[Member, ...]


def _alone(task: Task) -> Member:
    # nothing to exchange with; the rest of the decoder stays
    return Member(task, {"tasks": (task,), "cross_task": "none"})


_ALL = (
    Variant(REFERENCE, "full: WMCA and GGFM", (Member("all"),)),
    Variant("concat", "concatenation for WMCA", (Member("all", {"cross_task": "concat"}),)),
    Variant("none", "no exchange between tasks", (Member("all", {"cross_task": "none"}),)),
    Variant("no_ggfm", "without GGFM", (Member("all", {"ggfm": False}),)),
    Variant(
        "neither",
        "no exchange, no GGFM",
        (Member("all", {"cross_task": "none", "ggfm": False}),),
    ),
    Variant("separate", "a network for each task", tuple(_alone(task) for task in TASKS)),
)
VARIANTS = {variant.name: variant for variant in _ALL}


def variants_named(names: Iterable[str]) -> tuple[Variant, ...]:
    """Variants in the order of the table; the full network is always among them.

    Raises:
        PresetError: there is no variant of a name.
    """
    wanted = set(names)
    unknown = sorted(wanted - set(VARIANTS))
    if unknown:
        raise PresetError(f"variant {unknown[0]}: unknown; use some of {', '.join(VARIANTS)}")
    return tuple(v for v in _ALL if v.name in wanted | {REFERENCE})
