"""Rigid motions, camera models and rays."""
