"""Scores of predictions against truth: depth, labels, normals, boundaries, uncertainty."""

from m2h.metrics.baseline import MeanDepthMap
from m2h.metrics.protocol import PROTOCOLS, Protocol, protocol_named
from m2h.metrics.scoring import BaselineScorer, Scorer

__all__ = ["PROTOCOLS", "BaselineScorer", "MeanDepthMap", "Protocol", "Scorer", "protocol_named"]
