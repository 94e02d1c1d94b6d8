"""What each part of the network is worth: the same training without it, over several seeds."""

from m2h.ablation.compare import Difference, bootstrap_interval, compare
from m2h.ablation.report import write_report
from m2h.ablation.study import Study, run_study
from m2h.ablation.variants import REFERENCE, VARIANTS, Variant

__all__ = [
    "REFERENCE",
    "VARIANTS",
    "Difference",
    "Study",
    "Variant",
    "bootstrap_interval",
    "compare",
    "run_study",
    "write_report",
]
