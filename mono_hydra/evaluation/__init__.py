"""Scores of a run against the truth; numbers only, no drawing."""
