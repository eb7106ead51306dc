"""Gradients of a detector's scores, in pieces, so that memory does not grow with the recording."""

from __future__ import annotations

import numpy as np
import torch

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import InputError
from anomalib_ts.robustness.problem import Problem, Values

PIECE = 8192
"""Points whose scores are differentiated at a time."""


def gains_and_gradient(problem: Problem, values: Values) -> tuple[FloatArray, FloatArray]:
    """Gains `(n,)` of some values, and the gradient `(n, c)` of their sum.

    Pieces without a point of which something is wanted are left out: they gain nothing. Where the
    slope is not finite (a root at 0) it shows no way, and counts as 0.

    Raises:
        InputError: the detector's scores have no gradient.
    """
    function = problem.function
    if function is None:
        raise InputError(
            f"{type(problem.detector).__name__}'s scores have no gradient; use attack=square"
        )
    n = len(values)
    gains, gradient = np.zeros(n), np.zeros(values.shape)
    exact = values.astype(np.float64)
    step = n if problem.margins is None else PIECE
    for start in range(0, n, step):
        stop = min(start + step, n)
        wanted = problem.wanted[start:stop]
        if not wanted.any():
            continue
        needed = slice(0, n) if problem.margins is None else problem.margins.piece(start, stop, n)
        x = torch.from_numpy(exact[needed]).requires_grad_()
        scores = function(x)[start - needed.start : stop - needed.start]
        found = scores * torch.from_numpy(wanted)
        if found.requires_grad:  # a score that is a constant has no way back
            (slope,) = torch.autograd.grad(found.sum(), x)
            gradient[needed] += np.nan_to_num(slope.numpy(), posinf=0.0, neginf=0.0)
        gains[start:stop] = found.detach().numpy()
    return gains, gradient
