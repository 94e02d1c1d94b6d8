"""Mono-Hydra: images of one ordinary camera to a metric, labelled mesh and a scene graph."""

__version__ = "0.1.0"
