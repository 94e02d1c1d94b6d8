"""Keyframe store, voxel volume, mesh, re-fusion."""
