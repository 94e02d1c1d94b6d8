"""Names of rooms from evidence."""

from __future__ import annotations

import pytest

from mono_hydra.graph.room_names import RoomEvidence, best_name, name_rooms
from mono_hydra.labels.room_names import load_room_names


def room(
    *classes: str, area: float = 12.0, elongation: float = 1.3, doors: int = 1
) -> RoomEvidence:
    return RoomEvidence(dict.fromkeys(classes, 0.9), area, elongation, doors)


@pytest.mark.parametrize(
    ("classes", "area", "name"),
    [
        (("toilet", "sink", "mirror"), 5.0, "bathroom"),
        (("bed", "night stand", "pillow"), 13.0, "bedroom"),
        (("counter", "refrigerator", "sink"), 10.0, "kitchen"),
        (("sofa", "television", "table"), 20.0, "living room"),
        (("table", "chair", "cabinet"), 12.0, "dining room"),
        (("shelves", "box"), 3.0, "storage"),
    ],
)
def test_furniture_of_a_home_names_its_room(
    classes: tuple[str, ...], area: float, name: str
) -> None:
    home = [room("bed", "pillow"), room(*classes, area=area)]
    assert best_name(name_rooms(home)[1]) == name


def test_a_desk_is_a_study_at_home_and_an_office_among_offices() -> None:
    desk = room("desk", "chair", "bookshelf", "books")
    assert (
        best_name(name_rooms([room("bed", "pillow"), room("sofa", area=20.0), desk])[2]) == "study"
    )
    meeting = room("table", "chair", "whiteboard", area=24.0)
    assert best_name(name_rooms([desk, desk, desk, meeting])[0]) == "office"


def test_a_long_room_of_many_doors_is_a_corridor() -> None:
    rooms = [room("bed"), room("picture", area=8.0, elongation=4.0, doors=4)]
    assert best_name(name_rooms(rooms)[1]) == "corridor"


def test_probabilities_are_of_known_names_and_sum_to_one() -> None:
    for found in name_rooms([room("bed"), room()]):
        assert set(found) <= set(load_room_names())
        assert 0.9 < sum(found.values()) <= 1.0 + 1e-3


def test_no_rooms_have_no_names() -> None:
    assert name_rooms([]) == []
    assert best_name({}) == "unknown"
