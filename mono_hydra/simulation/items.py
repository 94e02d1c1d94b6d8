"""A piece of furniture in its own frame: surfaces, what may stand on it, what belongs to it.

Local frame: x to the right, the back at +y, the front at -y, z up from the floor; the middle of the
footprint is near the origin.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mono_hydra.simulation.house import Material
from mono_hydra.simulation.shapes import Shape, rotation
from mono_hydra.types import F8

Piece = tuple[Shape, Material]


@dataclass(frozen=True)
class Surface:
    """A level rectangle on which small things may stand."""

    x0_m: float
    y0_m: float
    x1_m: float
    y1_m: float
    z_m: float
    headroom_m: float = 0.6
    use: str = "top"  # top, shelf, bed, floor
    predicate: str = "on"


@dataclass(frozen=True)
class Child:
    """Another item that comes with this one."""

    item: Item
    x_m: float
    y_m: float
    z_m: float
    yaw_rad: float = 0.0
    predicate: str | None = "on"  # None: stands beside, not on


@dataclass(frozen=True)
class Glow:
    """A light source of an item, just outside its own geometry."""

    x_m: float
    y_m: float
    z_m: float
    radius_m: float
    power: float


@dataclass
class Item:
    """One object (or, with an empty label, only a group of them)."""

    label: str
    pieces: list[Piece] = field(default_factory=list)
    symmetry: int = 1  # as in ObjectTruth
    surfaces: list[Surface] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    glows: list[Glow] = field(default_factory=list)
    front_m: float = 0.0  # free floor wanted before it
    movable: bool = True

    def add(self, material: Material, *shapes: Shape) -> Item:
        """Add surfaces of one material."""
        self.pieces += [(s, material) for s in shapes]
        return self

    def own_bounds(self) -> tuple[F8, F8]:
        """Lowest and highest corner of its own surfaces."""
        points = np.concatenate([s.vertices_m for s, _ in self.pieces])
        return points.min(axis=0), points.max(axis=0)

    def bounds(self) -> tuple[F8, F8]:
        """Lowest and highest corner with everything that belongs to it."""
        corners = [np.array(self.own_bounds())] if self.pieces else []
        for child in self.children:
            low, high = child.item.bounds()
            box = np.array(
                [
                    [x, y, z]
                    for x in (low[0], high[0])
                    for y in (low[1], high[1])
                    for z in (low[2], high[2])
                ]
            )
            corners.append(box @ rotation(child.yaw_rad).T + [child.x_m, child.y_m, child.z_m])
        points = np.concatenate(corners)
        return points.min(axis=0), points.max(axis=0)

    def footprint(self, yaw_rad: float = 0.0) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 of the upright bounding rectangle after a turn."""
        low, high = self.bounds()
        corners = np.array([[x, y] for x in (low[0], high[0]) for y in (low[1], high[1])])
        turned = corners @ rotation(yaw_rad)[:2, :2].T
        return (*turned.min(axis=0).tolist(), *turned.max(axis=0).tolist())


def group(*children: Child, front_m: float = 0.0) -> Item:
    """Items that are placed together."""
    return Item("", children=list(children), front_m=front_m)
