"""The multi-task network M2H: depth, semantics, normals and edges from one RGB image.

Usable without `mono_hydra`. Sources: M2H (arXiv 2510.17363) and its release.
"""
