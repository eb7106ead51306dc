"""What statistics over time tell: a distance from healthy data, and what labels add to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import cholesky, eigh, solve_triangular
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.detectors.classical.mahalanobis import shrunk_gaussian
from anomalib_ts.detectors.deep.networks import bent
from anomalib_ts.detectors.scaling import STRAIGHT

QUANTILES = (0.2, 0.5, 0.8)
"""Of each channel over time: where it lies and how far it spreads, whatever a few knocks do."""

STATISTICS = len(QUANTILES) + 1
"""Numbers a channel: its quantiles and its mean absolute change."""

SMALLEST_DEVIATION = 1e-3
"""Statistics of standardised channels, and what is made of them, are divided by no less."""

RIDGE = 1e-3
"""C of the logistic regression: so little that it bends the whitened axes hardly at all."""

MOST_HEALTHY = -2.0
"""What labels say takes no more than so many deviations from a score: they know few faults."""

FOLDS = 5
"""Fits in which a share of the healthy examples is left out, to calibrate on them."""

TINY = 1e-6
"""Added before a logarithm."""


class StatisticsHead(nn.Module):
    """Scores stretches of any length by statistics over time, in which noise is averaged out.

    The statistics are whitened by the covariance of healthy stretches. Two numbers come of that:
    the logarithm of the Mahalanobis distance, which needs no labels, and the log-odds of a ridge
    logistic regression on labelled anomalies.

    Args:
        channels: of the stretches, c.

    Attributes:
        centre: `(4 c,)` healthy mean of the statistics.
        whitening: `(4 c, 4 c)`, so that `(statistics - centre) @ whitening` has no correlations.
        direction: `(4 c,)` weights of the whitened statistics in the log-odds, where they grow
            logarithmically beyond 1,000, as standardised channels do.
        moments: `(2, 2)` mean and deviation that the two numbers have on healthy stretches which
            no part of the head was fitted on.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        size = STATISTICS * channels
        self.centre: Tensor
        self.whitening: Tensor
        self.direction: Tensor
        self.moments: Tensor
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("whitening", torch.zeros(size, size))
        self.register_buffer("direction", torch.zeros(size))
        self.register_buffer("moments", torch.zeros(2, 2))

    @staticmethod
    def statistics(x: Tensor) -> Tensor:
        """Quantiles and mean absolute change of each channel of stretches `(b, c, n)`, `(b, 4 c)`.

        >>> StatisticsHead.statistics(torch.tensor([[[0.0, 4.0, 1.0, 3.0, 2.0, 5.0]]])).tolist()
        [[1.0, 2.0, 4.0, 2.5999999046325684]]
        """
        length = int(x.shape[2])  # a tensor while a graph is traced
        places = [round(quantile * (length - 1)) for quantile in QUANTILES]
        ordered = x.sort(dim=2).values
        change = (x[:, :, 1:] - x[:, :, :-1]).abs().sum(dim=2) / max(1, length - 1)
        return torch.cat([*(ordered[:, :, place] for place in places), change], dim=1)

    def scores(self, x: Tensor) -> Tensor:
        """What stretches `(b, c, n)` score, in deviations of healthy ones, `(b,)`.

        Half the standardised logarithm of the distance (the other half of what needs no labels is
        the autoencoder's), and the standardised log-odds.
        """
        both = evidence(self.statistics(x), self.centre, self.whitening, self.direction)
        return joined(both, self.moments)

    def learn(self, rows: FloatArray, anomalous: NDArray[np.bool_]) -> FloatArray:
        """Learn from statistics `(m, 4 c)` of labelled stretches, at least two of them healthy.

        Returns:
            What the healthy ones score, in order, by heads that were fitted without them.
        """
        healthy = np.flatnonzero(~anomalous)
        both = np.empty((len(healthy), 2))
        for fold in range(min(FOLDS, len(healthy))):
            left_out = healthy[fold::FOLDS]
            kept = np.ones(len(rows), dtype=np.bool_)
            kept[left_out] = False
            fitted = _fitted(rows[kept], anomalous[kept])
            both[fold::FOLDS] = evidence(torch.from_numpy(rows[left_out]), *fitted).numpy()
        moments = np.stack([both.mean(axis=0), np.maximum(both.std(axis=0), SMALLEST_DEVIATION)])
        learnt = (*_fitted(rows, anomalous), torch.from_numpy(moments))
        for buffer, values in zip(self.buffers(), learnt, strict=True):
            buffer.copy_(values)
        scores: FloatArray = joined(torch.from_numpy(both), learnt[-1]).numpy()
        return scores


def evidence(rows: Tensor, centre: Tensor, whitening: Tensor, direction: Tensor) -> Tensor:
    """Logarithm of the distance, and log-odds but for their constant, of statistics `(b, 4 c)`.

    Returns:
        `(b, 2)`.
    """
    white = (rows - centre) @ whitening
    distance = (white.square().mean(dim=1) + TINY).log()
    return torch.stack([distance, bent(white, STRAIGHT) @ direction], dim=1)


def joined(both: Tensor, moments: Tensor) -> Tensor:
    """A head's score `(b,)` of its two numbers `(b, 2)` and of what they are where all is well."""
    distance, odds = ((both - moments[0]) / moments[1]).unbind(dim=1)
    return distance / 2 + odds.clamp(min=MOST_HEALTHY)


def _fitted(rows: FloatArray, anomalous: NDArray[np.bool_]) -> tuple[Tensor, Tensor, Tensor]:
    """Centre, whitening and direction, in double precision."""
    healthy = rows[~anomalous]
    deviation = np.maximum(healthy.std(axis=0), SMALLEST_DEVIATION)
    mean, covariance = shrunk_gaussian(healthy / deviation)
    lower = cholesky(covariance, lower=True)
    inverse = solve_triangular(lower, np.eye(len(lower)), lower=True)
    centre, whitening = mean * deviation, inverse.T / deviation[:, None]
    # A statistic that never varied where all is well is whitened to 1e9 by any change, whose
    # square would drown all others in the regression's Hessian.
    white = bent(torch.from_numpy((rows - centre) @ whitening), STRAIGHT).numpy()
    direction = torch.from_numpy(_log_odds(white, anomalous))
    return torch.from_numpy(centre), torch.from_numpy(whitening), direction


def _log_odds(features: FloatArray, anomalous: NDArray[np.bool_]) -> FloatArray:
    """Weights `(p,)` of a ridge logistic regression on features `(m, p)`.

    They lie in the span of the features, as the ridge has it. Where many examples span fewer
    dimensions than there are features, as the quantiles of single points do, which are all equal,
    the regression is made in these dimensions: to the same weights, in a fraction of the time.
    """
    if len(features) <= features.shape[1]:
        return _ridge_weights(features, anomalous)
    squares, axes = eigh(features.T @ features)
    spanned = squares > len(features) * np.finfo(np.float64).eps * squares[-1]
    if spanned.all() or not spanned.any():
        return _ridge_weights(features, anomalous)
    basis = axes[:, spanned]
    weights: FloatArray = basis @ _ridge_weights(features @ basis, anomalous)
    return weights


def _ridge_weights(features: FloatArray, anomalous: NDArray[np.bool_]) -> FloatArray:
    # The exact solver: features that hardly vary make the usual one run out of steps.
    odds: Any = LogisticRegression(
        C=RIDGE, class_weight="balanced", solver="newton-cholesky", max_iter=1000
    )
    weights: FloatArray = odds.fit(features, anomalous).coef_[0]
    return weights
