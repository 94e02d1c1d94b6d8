"""A straight flight of real steps between two storeys, its well, and the railing above."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from mono_hydra.simulation.house import Material, Part, Stairs
from mono_hydra.simulation.shapes import Shape, box, joined, quad, rod, rounded_box
from mono_hydra.simulation.shell import SLAB_M, Rectangle, part
from mono_hydra.types import F8

GOING_M = 0.25
WIDTH_M = 0.9
LANDING_M = 1.0
LABEL = "other structure"


@dataclass(frozen=True)
class Flight:
    """Where a flight lies: it climbs along +y, its left side to the wall at x0."""

    x0_m: float
    y0_m: float  # front of the first riser
    n_rises: int
    rise_m: float
    floor_z_m: float

    @property
    def end_y_m(self) -> float:
        """Where the upper floor begins."""
        return self.y0_m + (self.n_rises - 1) * GOING_M

    @property
    def rectangle(self) -> Rectangle:
        """Plan of the steps."""
        return (self.x0_m, self.y0_m, self.x0_m + WIDTH_M, self.end_y_m)

    @property
    def well(self) -> Rectangle:
        """Plan of the hole in the ceiling above: from the step where the head would touch."""
        return (self.x0_m, self.y0_m + 2 * GOING_M, self.x0_m + WIDTH_M, self.end_y_m)


def plan_flight(polygon_m: F8, floor_z_m: float, ceiling_z_m: float) -> Flight | None:
    """A flight along the left wall of a rectangular staircase, or None if it does not fit."""
    low, high = polygon_m.min(axis=0), polygon_m.max(axis=0)
    climb = ceiling_z_m - floor_z_m + SLAB_M
    n = int(np.ceil(climb / 0.185))
    flight = Flight(float(low[0]), float(low[1]) + LANDING_M + 0.2, n, climb / n, floor_z_m)
    fits = flight.end_y_m + LANDING_M <= high[1] and high[0] - low[0] >= WIDTH_M + 0.9
    return flight if fits else None


def flight_parts(flight: Flight, tread: Material, riser: Material, room: int) -> list[Part]:
    """Solid steps with treads that stand out a little."""
    blocks, treads = [], []
    x0, x1 = flight.x0_m, flight.x0_m + WIDTH_M
    for k in range(flight.n_rises - 1):
        y0 = flight.y0_m + k * GOING_M
        z1 = flight.floor_z_m + (k + 1) * flight.rise_m
        blocks.append(box((x0, y0, flight.floor_z_m), (x1, y0 + GOING_M, z1 - 0.035)))
        treads.append(box((x0, y0 - 0.025, z1 - 0.035), (x1 + 0.015, y0 + GOING_M, z1)))
    rail = []
    for k in range(0, flight.n_rises - 1, 3):
        y, z = flight.y0_m + (k + 0.5) * GOING_M, flight.floor_z_m + (k + 1) * flight.rise_m
        rail.append(rod((x1 - 0.03, y, z - 0.01), (x1 - 0.03, y, z + 0.9), 0.014, sides=6))
    z0 = flight.floor_z_m + flight.rise_m
    last = 3 * ((flight.n_rises - 2) // 3)
    rail.append(
        rod(
            (x1 - 0.03, flight.y0_m + 0.5 * GOING_M, z0 + 0.9),
            (x1 - 0.03, flight.y0_m + (last + 0.5) * GOING_M, z0 + last * flight.rise_m + 0.9),
            0.024,
        )
    )
    return [
        part(joined(*blocks), riser, LABEL, 0, room),
        part(joined(*treads), tread, LABEL, 0, room),
        part(joined(*rail), tread, LABEL, 0, room),
    ]


def well_parts(
    flight: Flight, upper_z_m: float, sides: Material, railing: Material, room: int
) -> list[Part]:
    """Faces of the slab around the hole, and a railing on the open sides of the upper floor."""
    x0, y0, x1, y1 = flight.well
    low, high = upper_z_m - SLAB_M, upper_z_m
    faces: list[Shape] = []
    for (ax, ay), (bx, by) in (
        ((x0, y0), (x0, y1)),
        ((x0, y1), (x1, y1)),
        ((x1, y1), (x1, y0)),
        ((x1, y0), (x0, y0)),
    ):
        faces.append(quad(np.array([[ax, ay, low], [bx, by, low], [bx, by, high], [ax, ay, high]])))
    bars: list[Shape] = []
    corners = [(x0 + 0.03, y0 - 0.03), (x1 + 0.03, y0 - 0.03), (x1 + 0.03, y1 - 0.05)]
    for (ax, ay), (bx, by) in itertools.pairwise(corners):
        bars.append(
            rounded_box(
                (min(ax, bx) - 0.025, min(ay, by) - 0.025, high + 0.92),
                (max(ax, bx) + 0.025, max(ay, by) + 0.025, high + 0.96),
                0.006,
            )
        )
        length = float(np.hypot(bx - ax, by - ay))
        n = max(int(length / 0.13), 2)
        for k in range(n + 1):
            t = k / n
            bars.append(
                rod(
                    (ax + t * (bx - ax), ay + t * (by - ay), high),
                    (ax + t * (bx - ax), ay + t * (by - ay), high + 0.93),
                    0.011,
                    sides=6,
                )
            )
    return [
        part(joined(*faces), sides, "wall", 0, room),
        part(joined(*bars), railing, LABEL, 0, room),
    ]


def walk_path(flight: Flight, number: int, rooms: tuple[int, int]) -> Stairs:
    """The line of the feet: before the first step, over the tread middles, onto the upper floor."""
    x = flight.x0_m + WIDTH_M / 2
    points = [[x, flight.y0_m - 0.5, flight.floor_z_m]]
    points += [
        [x, flight.y0_m + (k + 0.5) * GOING_M, flight.floor_z_m + (k + 1) * flight.rise_m]
        for k in range(flight.n_rises - 1)
    ]
    points.append([x, flight.end_y_m + 0.45, flight.floor_z_m + flight.n_rises * flight.rise_m])
    return Stairs(number, rooms, np.array(points), WIDTH_M)
