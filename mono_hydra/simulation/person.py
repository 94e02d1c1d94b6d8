"""A walking person made of rounded limbs, for things that move.

Local frame: x to the left, the face looks along -y, z up from the soles; the body's axis is z.
"""

from __future__ import annotations

import numpy as np

from mono_hydra.simulation.house import Material, Part
from mono_hydra.simulation.palette import ACCENTS, FABRICS, pick, seed_of, shade
from mono_hydra.simulation.shapes import Shape, joined, lathe, rounded_box, tube
from mono_hydra.types import F8

LABEL = "person"
STRIDE_RAD = 0.38  # swing of the legs to either side
SKINS = ((0.80, 0.62, 0.50), (0.62, 0.44, 0.33), (0.42, 0.28, 0.20), (0.86, 0.70, 0.60))
HAIRS = ((0.10, 0.07, 0.05), (0.30, 0.20, 0.11), (0.55, 0.42, 0.24), (0.45, 0.44, 0.43))


def person_parts(height_m: float, phase_rad: float, rng: np.random.Generator) -> list[Part]:
    """The surfaces of a person in one moment of a step.

    Args:
        height_m: stature, usually 1.5 to 1.95.
        phase_rad: of the gait; 0 both legs together, pi / 2 left leg ahead.
        rng: draws build, skin, hair and clothes; pass an equal generator for every phase.

    Returns:
        One part per material, label person, instance 0, in the local frame.
    """
    skin = Material("skin", pick(rng, SKINS), seed=seed_of(rng), gloss=0.1)
    hair = Material("fabric", pick(rng, HAIRS), seed=seed_of(rng), period_m=0.1)
    top = Material("fabric", pick(rng, (*FABRICS, *ACCENTS)), seed=seed_of(rng), period_m=0.2)
    legs = Material("fabric", pick(rng, FABRICS), seed=seed_of(rng), period_m=0.2)
    shoe = Material("leather", shade(pick(rng, ACCENTS), 0.5), gloss=0.3)
    broad = float(rng.uniform(0.92, 1.1))
    swing = STRIDE_RAD * np.sin(phase_rad)
    trousers, shoes, sleeves, hands = [], [], [], []
    for side in (-1.0, 1.0):
        leg, foot = _leg(side * 0.055 * broad, side * swing)
        trousers.append(leg)
        shoes.append(foot)
        arm, hand = _arm(side * 0.118 * broad, -0.8 * side * swing)
        sleeves.append(arm)
        hands.append(hand)
    trunk = lathe(
        [(0.085, 0.46), (0.094, 0.50), (0.082, 0.62), (0.1, 0.75), (0.095, 0.80), (0.035, 0.835)],
        20,
    ).scaled(broad, 0.68, 1.0)
    neck_and_head = joined(
        lathe([(0.031, 0.80), (0.03, 0.86)], 12),
        lathe(
            [(0.02, 0.845), (0.042, 0.875), (0.05, 0.93), (0.044, 0.975), (0.0, 0.995)], 18
        ).scaled(0.92, 1.12, 1.0),
        rounded_box((-0.008, -0.066, 0.905), (0.008, -0.05, 0.93), 0.004),
    )
    scalp = lathe([(0.05, 0.93), (0.054, 0.95), (0.048, 0.983), (0.0, 1.003)], 18)
    scalp = scalp.scaled(1.0, 1.16, 1.0).moved(0.0, 0.007, 0.002)
    # bending knees and swinging legs shorten the stance: the lowest sole stays on the floor
    drop = min(float(s.vertices_m[:, 2].min()) for s in shoes)
    bodies = (
        (skin, joined(neck_and_head, *hands)),
        (hair, scalp),
        (top, joined(trunk, *sleeves)),
        (legs, joined(*trousers)),
        (shoe, joined(*shoes)),
    )
    return [_part(shape.moved(0.0, 0.0, -drop), material, height_m) for material, shape in bodies]


def _part(shape: Shape, material: Material, height_m: float) -> Part:
    return Part(shape.vertices_m * height_m, shape.faces, shape.uv * height_m, material, LABEL)


def _forward(point_m: F8, pivot_m: F8, angle_rad: float) -> F8:
    """A point swung about the x axis through `pivot_m`; positive angles swing it to -y (ahead)."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    y, z = point_m[1] - pivot_m[1], point_m[2] - pivot_m[2]
    return np.array([point_m[0], pivot_m[1] + c * y + s * z, pivot_m[2] - s * y + c * z])


def _leg(x_m: float, angle_rad: float) -> tuple[Shape, Shape]:
    """Thigh and shin in one tube, and the shoe, for a body of height 1."""
    hip = np.array([x_m, 0.0, 0.5])
    bend = max(0.0, -angle_rad) * 0.9  # the knee of the trailing leg bends
    knee = _forward(np.array([x_m, 0.0, 0.27]), hip, angle_rad)
    ankle = _forward(np.array([x_m, 0.0, 0.045]), hip, angle_rad)
    ankle = _forward(ankle, knee, -bend)
    leg = tube(
        np.array([hip, 0.5 * (hip + knee), knee, ankle]), np.array([0.056, 0.053, 0.038, 0.028]), 12
    )
    shoe = rounded_box((-0.025, -0.1, -0.045), (0.025, 0.045, 0.012), 0.015)
    shoe = shoe.turned(-0.6 * (angle_rad - bend), "x").moved(*ankle.tolist())
    return leg, shoe


def _arm(x_m: float, angle_rad: float) -> tuple[Shape, Shape]:
    """Sleeve and hand, for a body of height 1."""
    inside = np.array([0.55 * x_m, 0.0, 0.785])
    shoulder = np.array([0.92 * x_m, 0.0, 0.77])
    elbow = _forward(np.array([1.12 * x_m, 0.0, 0.62]), shoulder, angle_rad)
    wrist = _forward(np.array([1.15 * x_m, 0.0, 0.47]), shoulder, angle_rad)
    wrist = _forward(wrist, elbow, 0.35)
    tip = wrist + 0.07 * (wrist - elbow) / np.linalg.norm(wrist - elbow)
    arm = tube(
        np.array([inside, shoulder, elbow, wrist]), np.array([0.024, 0.038, 0.03, 0.023]), 10
    )
    return arm, tube(
        np.array([wrist, 0.5 * (wrist + tip), tip]), np.array([0.018, 0.024, 0.012]), 8
    )
