"""A label space: which ids exist, their names and colours, and what they mean to the map.

Kinds: `structure` builds the house, `object` becomes an object node, `dynamic` is never fused,
`ignore` carries no meaning. Id 0 is `unknown` in every space.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from mono_hydra.errors import LabelError
from mono_hydra.types import U1

Kind = Literal["structure", "object", "dynamic", "ignore"]
KINDS: tuple[Kind, ...] = ("structure", "object", "dynamic", "ignore")


@dataclass(frozen=True)
class Label:
    """One class."""

    id: int
    name: str
    kind: Kind
    rgb: tuple[int, int, int]
    surface: bool = False  # one can stand on it: floor, stairs
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelSpace:
    """An ordered set of labels; `remaps` holds, per target space, source name -> target name."""

    name: str
    labels: tuple[Label, ...]
    remaps: dict[str, dict[str, str]]

    @cached_property
    def by_id(self) -> dict[int, Label]:
        """Labels by their id."""
        return {label.id: label for label in self.labels}

    @cached_property
    def _id_of_name(self) -> dict[str, int]:
        return {
            name.casefold(): label.id
            for label in self.labels
            for name in (label.name, *label.aliases)
        }

    def id_of(self, name: str) -> int:
        """Id of a name or alias.

        Raises:
            LabelError: if the space has no such name.
        """
        try:
            return self._id_of_name[name.casefold()]
        except KeyError:
            raise LabelError(
                f"label space {self.name}: no label named {name!r}; its names are in "
                f"mono_hydra/labels/spaces/{self.name}.yaml"
            ) from None

    def name_of(self, label_id: int) -> str:
        """Name of an id; ids outside the space are `unknown`."""
        label = self.by_id.get(int(label_id))
        return label.name if label else "unknown"

    def ids_of_kind(self, kind: Kind) -> frozenset[int]:
        """All ids of one kind."""
        return frozenset(label.id for label in self.labels if label.kind == kind)

    @cached_property
    def object_ids(self) -> frozenset[int]:
        """Ids that become objects."""
        return self.ids_of_kind("object")

    @cached_property
    def dynamic_ids(self) -> frozenset[int]:
        """Ids that are never fused."""
        return self.ids_of_kind("dynamic")

    @cached_property
    def palette(self) -> U1:
        """(256, 3) colour of every id, black where there is none."""
        colours = np.zeros((256, 3), np.uint8)
        for label in self.labels:
            colours[label.id] = label.rgb
        return colours

    def mask(self, kind: Kind) -> np.ndarray:
        """(256,) bool: is this id of that kind."""
        table = np.zeros(256, bool)
        table[sorted(self.ids_of_kind(kind))] = True
        return table


def load_label_space(name: str | Path) -> LabelSpace:
    """Read a label space shipped with the package, or a YAML file of the same form.

    Raises:
        LabelError: unknown space, unreadable file, repeated or missing ids, unknown kind.
    """
    path = Path(str(name))
    spaces = resources.files("mono_hydra.labels") / "spaces"
    if path.suffix in {".yaml", ".yml"}:
        where, source = str(path), path
    else:
        where, source = f"label space {name}", Path(str(spaces / f"{name}.yaml"))
    if not source.is_file():
        known = ", ".join(
            sorted(Path(str(p)).stem for p in spaces.iterdir() if p.name.endswith(".yaml"))
        )
        raise LabelError(f"{where}: not found; known label spaces are {known}, or give a YAML file")
    try:
        data = yaml.safe_load(source.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LabelError(f"{where}: not readable as YAML ({str(error).splitlines()[0]})") from error
    return _checked(where, source.stem, data)


def _checked(where: str, name: str, data: object) -> LabelSpace:
    if not isinstance(data, dict) or not isinstance(data.get("labels"), list):
        raise LabelError(
            f"{where}: needs a list `labels`; copy mono_hydra/labels/spaces/nyu40.yaml"
        )
    labels = tuple(_label(where, row) for row in data["labels"])
    ids = [label.id for label in labels]
    names = [n.casefold() for label in labels for n in (label.name, *label.aliases)]
    if len(set(ids)) != len(ids) or len(set(names)) != len(names):
        raise LabelError(f"{where}: an id or a name occurs twice; give each label its own")
    if not any(label.id == 0 and label.name == "unknown" for label in labels):
        raise LabelError(f"{where}: id 0 must be named unknown; add it")
    return LabelSpace(str(data.get("name", name)), labels, _remaps(where, data, set(names)))


def _remaps(where: str, data: dict[str, Any], names: set[str]) -> dict[str, dict[str, str]]:
    remaps = data.get("remaps") or {}
    if not isinstance(remaps, dict) or not all(isinstance(m, dict) for m in remaps.values()):
        raise LabelError(f"{where}: `remaps` needs, per target space, lines `name: target`")
    for target, mapping in remaps.items():
        for source in mapping:
            if str(source).casefold() not in names:
                raise LabelError(f"{where}: remap to {target} names {source!r}, which is no label")
    return {
        str(target): {str(a): str(b) for a, b in mapping.items()}
        for target, mapping in remaps.items()
    }


def _label(where: str, row: object) -> Label:
    if not isinstance(row, dict) or not {"id", "name", "kind", "rgb"} <= row.keys():
        raise LabelError(f"{where}: label {row!r} needs id, name, kind and rgb")
    if row["kind"] not in KINDS:
        raise LabelError(
            f"{where}: kind {row['kind']!r} of {row['name']} is not one of {', '.join(KINDS)}"
        )
    if not (isinstance(row["id"], int) and 0 <= row["id"] <= 255):
        raise LabelError(
            f"{where}: id {row['id']!r} of {row['name']} must be a whole number 0..255"
        )
    colour = row["rgb"]
    if not (
        isinstance(colour, list)
        and len(colour) == 3
        and all(isinstance(value, int) and 0 <= value <= 255 for value in colour)
    ):
        raise LabelError(f"{where}: rgb of {row['name']} must be three whole numbers 0..255")
    r, g, b = colour
    return Label(
        row["id"],
        str(row["name"]),
        row["kind"],
        (int(r), int(g), int(b)),
        bool(row.get("surface", False)),
        tuple(row.get("aliases", ())),
    )


def remap_table(source: LabelSpace, target: LabelSpace) -> U1:
    """(256,) target ids by source id; names not mapped explicitly must be equal, else unknown.

    Raises:
        LabelError: if `source` states no remap to `target` and is another space.
    """
    if source.name == target.name:
        return np.arange(256, dtype=np.uint8)
    if target.name not in source.remaps:
        raise LabelError(
            f"label space {source.name}: no remap to {target.name}; add one under `remaps:` in its "
            "YAML"
        )
    explicit = source.remaps[target.name]
    table = np.zeros(256, np.uint8)
    for label in source.labels:
        name = explicit.get(label.name, label.name)
        if label.name in explicit or name.casefold() in target._id_of_name:
            table[label.id] = target.id_of(name)
    return table
