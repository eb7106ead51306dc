"""How the scores of a case are judged: labels, metrics, thresholds.

Names are imported when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anomalib_ts.core.exports import lazily

if TYPE_CHECKING:
    from anomalib_ts.evaluation.ground_truth import GroundTruth as GroundTruth
    from anomalib_ts.evaluation.judge import Evaluation as Evaluation
    from anomalib_ts.evaluation.judgement import Judgement as Judgement
    from anomalib_ts.evaluation.thresholds import GammaThreshold as GammaThreshold
    from anomalib_ts.evaluation.thresholds import QuantileThreshold as QuantileThreshold
    from anomalib_ts.evaluation.thresholds import Threshold as Threshold

_HOMES = {
    "Evaluation": "anomalib_ts.evaluation.judge",
    "GammaThreshold": "anomalib_ts.evaluation.thresholds",
    "GroundTruth": "anomalib_ts.evaluation.ground_truth",
    "Judgement": "anomalib_ts.evaluation.judge",
    "QuantileThreshold": "anomalib_ts.evaluation.thresholds",
    "Threshold": "anomalib_ts.evaluation.thresholds",
}

__all__ = list(_HOMES)
__getattr__, __dir__ = lazily(__name__, _HOMES)
