"""Dataset cards: what a data set is, its licence, how to get it, where its sequences lie."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import yaml

from mono_hydra.errors import DatasetError


@dataclass(frozen=True)
class SequenceEntry:
    """One sequence of a card: a name (or pattern), and where it lies under the data root."""

    name: str  # shown by --list
    match: str  # regular expression of the names it answers to
    paths: tuple[str, ...]  # under the data root, first existing one wins; may hold \\1 ...


@dataclass(frozen=True)
class Card:
    """One data set."""

    name: str
    title: str
    licence: str
    how_to_get: str
    tree: str
    label_space: str | None
    sequences: tuple[SequenceEntry, ...]


@dataclass(frozen=True)
class KnownSequence:
    """A sequence that a card names, and where it lies if it is there."""

    name: str
    card: Card
    expected: tuple[Path, ...]
    path: Path | None


class MissingSequenceError(DatasetError):
    """A known sequence whose data is not there; `notice` says how to get it."""

    def __init__(self, known: KnownSequence, data_root: Path) -> None:
        super().__init__(
            f"{known.name}: not found at {known.expected[0]}; get {known.card.title} and put it "
            "there, or give --data ROOT"
        )
        self.known = known
        self.notice = missing_notice(known.card, data_root, known.name)


def default_data_root() -> Path:
    """`$MONO_HYDRA_DATA`, else `datasets/data` below the working directory."""
    return Path(os.environ.get("MONO_HYDRA_DATA") or Path("datasets") / "data")


@lru_cache(maxsize=1)
def load_cards() -> tuple[Card, ...]:
    """All cards shipped with the package, by name."""
    folder = resources.files("mono_hydra.sequences") / "cards"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return tuple(_card(file.read_text(encoding="utf-8")) for file in files)


def find_known(name: str, data_root: Path) -> KnownSequence | None:
    """The sequence a name stands for, None if no card knows it."""
    for card in load_cards():
        for entry in card.sequences:
            match = re.fullmatch(entry.match, name)
            if match is not None:
                return _known(name, card, tuple(match.expand(p) for p in entry.paths), data_root)
    return None


def known_sequences(data_root: Path | None = None) -> list[KnownSequence]:
    """All sequences that the cards name, with the path of those that are present."""
    root = data_root or default_data_root()
    known = []
    for card in load_cards():
        for entry in card.sequences:
            match = re.fullmatch(entry.match, entry.name)
            paths = tuple(match.expand(p) for p in entry.paths) if match else entry.paths
            known.append(_known(entry.name, card, paths, root))
    return known


def missing_notice(card: Card, data_root: Path, name: str = "") -> str:
    """What to tell a person who asked for data that is not there: licence, source, place."""
    entry = next((e for e in card.sequences if re.fullmatch(e.match, name)), card.sequences[0])
    match = re.fullmatch(entry.match, name or entry.name)
    place = data_root / (match.expand(entry.paths[0]) if match else entry.paths[0])
    return "\n".join(
        [
            f"{name or card.title} is not on this machine ({card.title}).",
            f"  licence: {card.licence}",
            f"  get it:  {card.how_to_get}",
            f"  put it:  {place}",
        ]
    )


def _known(name: str, card: Card, paths: tuple[str, ...], root: Path) -> KnownSequence:
    expected = tuple(root / path for path in paths)
    return KnownSequence(name, card, expected, next((p for p in expected if p.exists()), None))


def _card(text: str) -> Card:
    data = yaml.safe_load(text)
    entries = tuple(
        SequenceEntry(row["name"], row.get("match", re.escape(row["name"])), tuple(row["paths"]))
        for row in data["sequences"]
    )
    return Card(
        name=data["name"],
        title=data["title"],
        licence=" ".join(data["licence"].split()),
        how_to_get=" ".join(data["how_to_get"].split()),
        tree=data["tree"],
        label_space=data.get("label_space"),
        sequences=entries,
    )
