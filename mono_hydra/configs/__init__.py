"""Shipped overlays, named by `--config NAME`."""
