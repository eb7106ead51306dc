"""What a detector declares about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Capabilities:
    """What a detector declares about itself; `anomalib_ts.testing.check_detector` verifies it.

    >>> from anomalib_ts import Capabilities, WeakAutoencoder
    >>> WeakAutoencoder.capabilities.supervision
    'weak'
    >>> Capabilities(causal=True)
    Capabilities(multivariate=True, causal=True, supervision='none', ...)

    Attributes:
        multivariate: takes recordings of more than one channel and uses all of them.
        causal: the score of a point does not depend on later points.
        supervision: `weak` detectors are given the labels of the training recordings; all
            others never see a label.
        transductive: a score may depend on the whole scored recording (a matrix profile), not
            just on a neighbourhood of the point.
        needs_machine_ids: training needs recordings of at least two machine ids.
        uses_values: False only for baselines that score without looking (random).
        blames_channels: `contributions` says which channels a high score comes from.
    """

    multivariate: bool = True
    causal: bool = False
    supervision: Literal["none", "weak"] = "none"
    transductive: bool = False
    needs_machine_ids: bool = False
    uses_values: bool = True
    blames_channels: bool = True
