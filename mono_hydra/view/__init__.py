"""Observers of a run: recording, recorder, report, pictures."""
