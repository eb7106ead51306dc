"""Detectors under attack: what small changes of the input do to scores, and what they look like.

>>> from anomalib_ts.robustness import Noise
>>> Noise(epsilon=0.2).goal
'both'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anomalib_ts.core.exports import lazily

if TYPE_CHECKING:
    from anomalib_ts.robustness.attack import Attack as Attack
    from anomalib_ts.robustness.attack import Fgsm as Fgsm
    from anomalib_ts.robustness.attack import Noise as Noise
    from anomalib_ts.robustness.attack import Pgd as Pgd
    from anomalib_ts.robustness.attack import Spsa as Spsa
    from anomalib_ts.robustness.attack import Square as Square
    from anomalib_ts.robustness.defended import Defended as Defended
    from anomalib_ts.robustness.diagnosis import diagnose as diagnose
    from anomalib_ts.robustness.problem import TrainingRange as TrainingRange
    from anomalib_ts.robustness.problem import wanted_of as wanted_of
    from anomalib_ts.robustness.sparseness import category_sparseness as category_sparseness
    from anomalib_ts.robustness.sparseness import population_sparseness as population_sparseness
    from anomalib_ts.robustness.sparseness import roughness as roughness

_HOMES = {
    **dict.fromkeys(
        ("Attack", "Fgsm", "Noise", "Pgd", "Spsa", "Square"), "anomalib_ts.robustness.attack"
    ),
    "Defended": "anomalib_ts.robustness.defended",
    "diagnose": "anomalib_ts.robustness.diagnosis",
    **dict.fromkeys(("TrainingRange", "wanted_of"), "anomalib_ts.robustness.problem"),
    **dict.fromkeys(
        ("category_sparseness", "population_sparseness", "roughness"),
        "anomalib_ts.robustness.sparseness",
    ),
}

__all__ = list(_HOMES)
__getattr__, __dir__ = lazily(__name__, _HOMES)
