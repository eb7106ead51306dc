"""Check of score functions: what attacks differentiate is what `score` gives."""

from __future__ import annotations

import numpy as np

from anomalib_ts.testing.probe import Check, Probe, describe_change, relative_change, require

_GRADIENT_RULE = (
    "`score_function` gives None, or the scores of `score` in a form that torch can differentiate"
)
_SINGLE = 1e-4  # rounding of networks in single precision, of the largest score


def _check_gradient(probe: Probe) -> None:
    channels = 3 if probe.capabilities.multivariate else 1
    detector, test = probe.fitted(channels), probe.test(channels)
    function = detector.score_function(test)
    if function is None:
        return
    import torch  # noqa: PLC0415 - only detectors with a gradient need it

    values = torch.from_numpy(test.values.astype(np.float64)).requires_grad_()
    scores = function(values)
    expected, found = detector.score(test), scores.detach().numpy().astype(np.float64)
    remedy = "run what `_score` runs, on values in their own units; or do not override it"
    seen = f"scores of shape {found.shape} instead of {expected.shape}"
    require(found.shape == expected.shape, _GRADIENT_RULE, seen, remedy)
    near = relative_change(expected, found).max() <= _SINGLE
    require(near, _GRADIENT_RULE, describe_change(expected, found), remedy)
    remedy = "keep to torch from the values to the scores: no `detach`, `numpy` or `no_grad`"
    seen = "the scores do not depend on the values as far as torch can tell"
    require(scores.requires_grad, _GRADIENT_RULE, seen, remedy)
    (slope,) = torch.autograd.grad(scores.sum(), values)
    seen = f"{int((~slope.isfinite()).sum())} of {slope.numel()} slopes are not finite, "
    seen += f"{int(slope.eq(0).sum())} are 0"
    holds = bool(slope.isfinite().any() and slope.ne(0).any())
    require(holds, _GRADIENT_RULE, seen, remedy)


CHECKS = (Check("gradient", _GRADIENT_RULE, _check_gradient, lambda can: can.uses_values),)
