"""Which labels a network takes for each other."""

from __future__ import annotations

from mono_hydra.labels import LabelSpace

# names of several label spaces side by side; a label is confused within its groups
GROUPS: tuple[tuple[str, ...], ...] = (
    ("chair", "sofa", "couch", "armchair", "other furniture"),
    ("table", "desk", "counter", "coffee table"),
    ("cabinet", "dresser", "night stand", "storage", "chest of drawers", "other furniture"),
    ("cabinet", "counter", "refrigerator", "appliance"),
    ("bookshelf", "shelves", "shelf", "bookcase", "cabinet", "storage"),
    ("bed", "sofa", "couch"),
    ("pillow", "cushion", "clothes", "towel", "deformable"),
    ("picture", "mirror", "whiteboard", "television", "wall decoration", "window"),
    ("curtain", "blinds", "blind", "shower curtain", "deformable", "window"),
    ("bathtub", "sink", "toilet", "counter"),
    ("box", "bag", "books", "book", "paper", "thing", "other prop"),
    ("lamp", "light", "plant", "other prop", "thing"),
    ("floor mat", "rug", "floor"),
    ("other furniture", "other prop"),
)


def confusable_ids(space: LabelSpace) -> dict[int, tuple[int, ...]]:
    """For every object label the ids it may be taken for, in rising order; never empty.

    Names that a space does not have are left out; a label without a partner is taken for the other
    objects of its space.
    """
    names = {label.name.casefold(): label.id for label in space.labels}
    partners: dict[int, set[int]] = {label_id: set() for label_id in space.object_ids}
    for group in GROUPS:
        ids = {names[name] for name in group if name in names}
        for label_id in ids & partners.keys():
            partners[label_id] |= ids - {label_id}
    everything = tuple(sorted(space.object_ids))
    return {
        label_id: tuple(sorted(found)) or tuple(i for i in everything if i != label_id)
        for label_id, found in sorted(partners.items())
    }
