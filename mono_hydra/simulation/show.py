"""Two pictures of a simulated sequence: the plan with the walk, and a contact sheet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mono_hydra.errors import OutputError
from mono_hydra.files.images import encode_image, read_image
from mono_hydra.files.trajectory import read_trajectory
from mono_hydra.labels import load_label_space
from mono_hydra.types import F8, U1

PIXELS_PER_M = 90.0
MARGIN_M = 0.5
SHEET = (6, 4)  # columns, rows
THUMBNAIL_WIDTH = 320
PAPER, INK, WALK, DOOR = (255, 255, 255), (40, 40, 40), (200, 60, 40), (60, 130, 60)
ROOM_FILL = ((238, 232, 220), (224, 234, 240), (232, 240, 226), (240, 228, 232), (236, 236, 244))


def write_pictures(sequence: Path) -> tuple[Path, Path]:
    """Write plan.png and contact_sheet.png into the sequence's folder; returns their paths.

    Raises:
        OutputError: they cannot be written. DatasetError: an image of the sequence is broken.
    """
    plan, sheet = sequence / "plan.png", sequence / "contact_sheet.png"
    for path, picture in ((plan, draw_plans(sequence / "truth")), (sheet, contact_sheet(sequence))):
        try:
            path.write_bytes(encode_image(picture))
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}); make room") from error
    return plan, sheet


def contact_sheet(sequence: Path) -> U1:
    """Images evenly taken over the sequence."""
    files = sorted((sequence / "images").glob("*.jpg"))
    columns, rows = SHEET
    tiles = []
    for k in np.linspace(0, len(files) - 1, columns * rows).round().astype(int):
        rgb = read_image(files[k])
        height = round(rgb.shape[0] * THUMBNAIL_WIDTH / rgb.shape[1])
        tiles.append(cv2.resize(rgb, (THUMBNAIL_WIDTH, height), interpolation=cv2.INTER_AREA))
    bands = [np.hstack(tiles[k * columns : (k + 1) * columns]) for k in range(rows)]
    return np.asarray(np.vstack(bands))


def draw_plans(truth: Path) -> U1:
    """Storeys side by side: rooms, doors, objects, the camera's path."""
    rooms = json.loads((truth / "rooms.json").read_text(encoding="utf-8"))
    objects = json.loads((truth / "objects.json").read_text(encoding="utf-8"))["objects"]
    _, poses = read_trajectory(truth / "trajectory.txt")
    return np.hstack([_plan(s, rooms, objects, poses[:, :3, 3]) for s in rooms["storeys"]])


def _plan(storey: dict[str, Any], rooms: dict[str, Any], objects: list[Any], path_m: F8) -> U1:
    corners = np.concatenate([np.array(r["polygon"]) for r in rooms["rooms"]])
    low, high = corners.min(axis=0) - MARGIN_M, corners.max(axis=0) + MARGIN_M

    def pixels(xy_m: Any) -> Any:
        at = (np.atleast_2d(np.asarray(xy_m, np.float64))[:, :2] - low) * PIXELS_PER_M
        at[:, 1] = (high[1] - low[1]) * PIXELS_PER_M - at[:, 1]  # y upwards
        return np.round(at).astype(np.int32)

    width, height = np.ceil((high - low) * PIXELS_PER_M).astype(int)
    image = np.full((height, width, 3), PAPER, np.uint8)
    here = [r for r in rooms["rooms"] if r["storey"] == storey["id"]]
    for k, room in enumerate(here):
        cv2.fillPoly(image, [pixels(room["polygon"])], ROOM_FILL[k % len(ROOM_FILL)])
        cv2.polylines(image, [pixels(room["polygon"])], True, INK, 2, cv2.LINE_AA)
    ids = {r["id"] for r in here}
    palette, space = load_label_space("nyu40").palette, load_label_space("nyu40")
    for thing in objects:
        if thing["room"] in ids:
            box = pixels(_footprint(thing))
            colour = tuple(int(c) for c in palette[space.id_of(thing["label"])])
            cv2.polylines(image, [box], True, colour, 2 if thing["observable"] else 1, cv2.LINE_AA)
    for door in rooms["doors"]:
        if ids & set(door["rooms"]):
            along = 0.5 * door["width"] * np.array([np.cos(door["yaw"]), np.sin(door["yaw"])])
            ends = pixels(np.array([door["center"][:2] - along, door["center"][:2] + along]))
            cv2.line(image, tuple(ends[0]), tuple(ends[1]), DOOR, 5, cv2.LINE_AA)
    level = (path_m[:, 2] > storey["floor_z"]) & (path_m[:, 2] < storey["ceiling_z"])
    for piece in np.split(path_m, np.flatnonzero(np.diff(level.astype(int))) + 1):
        if storey["floor_z"] < piece[0, 2] < storey["ceiling_z"]:
            cv2.polylines(image, [pixels(piece)], False, WALK, 2, cv2.LINE_AA)
    for room in here:
        x, y = pixels(np.mean(room["polygon"], axis=0))[0]
        size, _ = cv2.getTextSize(room["name"], cv2.FONT_HERSHEY_SIMPLEX, 0.6, 2)
        at = (int(x - size[0] // 2), int(y))
        cv2.putText(image, room["name"], at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, PAPER, 5, cv2.LINE_AA)
        cv2.putText(image, room["name"], at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, INK, 2, cv2.LINE_AA)
    return image


def _footprint(thing: dict[str, Any]) -> F8:
    c, s = np.cos(thing["yaw"]), np.sin(thing["yaw"])
    half = 0.5 * np.array(thing["size"][:2])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    return np.asarray(corners @ np.array([[c, s], [-s, c]]) + np.array(thing["center"][:2]))
