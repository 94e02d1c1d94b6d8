"""Label spaces: names, colours, kinds and explicit remaps."""

from mono_hydra.labels.label_space import Label, LabelSpace, load_label_space, remap_table

__all__ = ["Label", "LabelSpace", "load_label_space", "remap_table"]
