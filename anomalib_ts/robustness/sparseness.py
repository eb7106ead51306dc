"""How few units of a layer carry its response: population sparseness."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anomalib_ts.core.recording import FloatArray


def population_sparseness(responses: ArrayLike) -> FloatArray:
    """The population sparseness index of each response: 0 if all units take part, 1 if one does.

    `(1 - a) / (1 - 1/N)` with `a = (sum r / N)^2 / (sum r^2 / N)`. It does not change with the size
    of the responses. An offset on all units lowers it.

    >>> population_sparseness([[0, 0, 7, 0], [2, 2, 2, 2], [0, 0, 0, 0]]).tolist()
    [1.0, 0.0, nan]

    Args:
        responses: `(m, n)` of m inputs, at least 0, a column a unit.

    Returns:
        `(m,)` in [0, 1]; NaN where all units are silent, or where there is only one.

    References:
        Liu, Zhen & Liu, Hierarchical sparse coding of objects in deep convolutional neural
        networks, Frontiers in Computational Neuroscience 14:578158, 2020.
    """
    r = np.asarray(responses, dtype=np.float64)
    units = r.shape[1]
    largest = r.max(axis=1, keepdims=True)
    if units == 1:
        return np.full(len(r), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.where(largest > 0, r / largest, np.nan)  # squares of tiny or huge ones are lost
        a = np.square(scaled.mean(axis=1)) / np.square(scaled).mean(axis=1)
    return np.asarray(np.clip((1 - a) / (1 - 1 / units), 0, 1))


def category_sparseness(responses: ArrayLike, categories: ArrayLike) -> FloatArray:
    """The index of each category of inputs, as the papers work it out.

    Responses are averaged over the inputs of a category, standardised for each unit over the
    categories, and brought to [0, 1] over the units of each category.

    >>> responses = [[0, 1, 2], [0, 3, 1], [0, 1, 2], [0, 3, 1]]
    >>> category_sparseness(responses, [0, 1, 0, 1]).round(2).tolist()
    [0.6, 0.6]

    Args:
        responses: `(m, n)` of m inputs, a column a unit.
        categories: `(m,)`.

    Returns:
        `(k,)` for each of k categories in order; 0 where no unit differs from another.
    """
    r, of = np.asarray(responses, dtype=np.float64), np.asarray(categories)
    means = np.stack([r[of == category].mean(axis=0) for category in np.unique(of)])
    spread = means.std(axis=0)
    z = (means - means.mean(axis=0)) / np.where(spread > 0, spread, 1)
    low = z.min(axis=1, keepdims=True)
    extent = z.max(axis=1, keepdims=True) - low
    found = population_sparseness((z - low) / np.where(extent > 0, extent, 1))
    return np.nan_to_num(found, nan=0.0)


def roughness(windows: NDArray[np.floating]) -> FloatArray:
    """The mean absolute second difference of windows `(b, c, w)`, `(b,)`: what noise raises.

    The baseline of whatever shall tell attacked windows from others without a network.

    >>> roughness(np.array([[[0.0, 1.0, 2.0, 3.0]], [[0.0, 1.0, 0.0, 1.0]]])).tolist()
    [0.0, 2.0]
    """
    return np.asarray(np.abs(np.diff(windows.astype(np.float64), n=2, axis=2)).mean(axis=(1, 2)))
