"""The names a room can have, one list for truth and estimate, and the colours of rooms."""

from __future__ import annotations

from importlib import resources

import yaml

# Soft, of equal lightness, neighbours far apart in hue: objects and text stay readable on them.
_ROOM_RGB = (
    (102, 168, 214),
    (240, 174, 92),
    (128, 192, 128),
    (222, 132, 140),
    (164, 144, 206),
    (196, 188, 96),
    (104, 194, 186),
    (226, 152, 198),
    (176, 152, 128),
    (150, 176, 90),
    (130, 150, 230),
    (230, 196, 130),
)


def load_room_names() -> tuple[str, ...]:
    """Names in the order of their ids in the `_l4p0` label space."""
    text = (resources.files("mono_hydra.labels") / "room_names.yaml").read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    return tuple(str(name) for name in data["names"])


def room_rgb(index: int) -> tuple[int, int, int]:
    """Colour of the room with this index, the same in every file and picture."""
    return _ROOM_RGB[index % len(_ROOM_RGB)]
