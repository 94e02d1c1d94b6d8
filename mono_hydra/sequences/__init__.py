"""Recordings: one reader a data set."""
