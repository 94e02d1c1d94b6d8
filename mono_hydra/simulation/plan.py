"""Seeded houses: the floor plan, its walls, and what stands in the rooms, put together."""

from __future__ import annotations

from mono_hydra.simulation.plain import plain_house

__all__ = ["plain_house"]
