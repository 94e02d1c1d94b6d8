"""Depth and labels of keyframes: given by the recording, degraded, or predicted."""
