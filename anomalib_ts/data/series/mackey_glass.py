"""Chaotic Mackey-Glass series with temporal anomalies, generated on the spot.

The recipe is that of the Mackey-Glass Anomaly Benchmark: Thill, Konen and Baeck, "Time Series
Encodings with Temporal Convolutional Networks", BIOMA 2020.
"""

from __future__ import annotations

import inspect

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.names import pick
from anomalib_ts.core.recording import FloatArray, LabelArray, Recording
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.data.digests import case_digest
from anomalib_ts.errors import ConfigError

DELAY, BETA, GAMMA = 18, 0.25, 0.1
_WARM_UP = 3000
_SHORTEST_CUT, _LONGEST_CUT = 100, 200
_HALF_WINDOW, _HALF_LABEL = 200, 10
_SHORTEST_STRETCH = 500
_ATTEMPTS = 2000


class MackeyGlass(DataSet):
    """Mackey-Glass series from which short stretches were cut out.

    The delay-differential equation dx/dt = beta x(t - tau) / (1 + x(t - tau)^n) - gamma x(t) with
    tau = 18, n = 10, beta = 0.25, gamma = 0.1 is sampled once per time unit. An anomaly is a joint:
    100 to 200 points are removed between two points where the value and its first three
    derivatives nearly agree. The eye sees a smooth curve, but for one delay after the joint it
    disobeys its equation. As in TSB-UAD, 20 points are labelled, `[joint - 10, joint + 10)`.

    The published MGAB files differ in that they take the best match among 101 points, which
    gives mismatches of 0.01 to 0.06 (median 0.026), and in their size of 100,000 points with 10
    anomalies. Values, labels and order of the cases depend on nothing but the arguments: the
    same on every machine.

    >>> from anomalib_ts.data import MackeyGlass
    >>> data = MackeyGlass(n_points=6000, n_anomalies=2)
    >>> case = data.load(data.case_names()[0])
    >>> len(case.train) > 0, case.test[0].is_anomalous, case.train[0].is_anomalous
    (True, True, False)

    Args:
        n_points: points of each test recording; at least 500 an anomaly.
        n_anomalies: joints in each test recording, one in each of `n_anomalies` equal stretches.
        train_length: points of an anomaly-free stretch just before the test recording, which
            `protocol=given` trains on; 0 for none.
        mismatch: how far the curve is from itself on the two sides of a joint: the Euclidean
            distance of (x, x', x'', x''') per time unit, which lies between half this and this.
            The curve's own standard deviation is 0.32. Smaller is harder to detect.
        noise_std: standard deviation of the uniform noise added to every point; MGAB's is 0.0058
            (uniform in -0.01 to 0.01).
        seed: of starting points, joints and noise.
        n_series: number of cases, named `mackey_glass_0`, `mackey_glass_1`, ...

    Raises:
        ConfigError: a setting is out of range.
    """

    def __init__(
        self,
        *,
        n_points: int = 20_000,
        n_anomalies: int = 10,
        train_length: int = 5_000,
        mismatch: float = 0.1,
        noise_std: float = 0.0058,
        seed: int = 0,
        n_series: int = 1,
    ) -> None:
        self.n_points = n_points
        self.n_anomalies = n_anomalies
        self.train_length = train_length
        self.mismatch = mismatch
        self.noise_std = noise_std
        self.seed = seed
        self.n_series = n_series
        self._check()
        self.name = self._describe()

    def case_names(self) -> list[str]:
        """`mackey_glass_0` and so on; nothing is generated."""
        return [f"mackey_glass_{i}" for i in range(self.n_series)]

    def load(self, case_name: str) -> Case:
        """Generate one series (about 0.1 s for 20,000 points).

        Raises:
            DataNotFoundError: there is no such case.
            ConfigError: no joint as close as `mismatch` asks for was found.
        """
        names = self.case_names()
        rng = np.random.default_rng([self.seed, names.index(pick(case_name, names, self.name))])
        needed = self.train_length + self.n_points + self.n_anomalies * _LONGEST_CUT
        start = rng.uniform(0.8, 1.0)
        curve = integrate(_WARM_UP + needed, start)[_WARM_UP:]
        index, joints = cut_stretches(
            curve[self.train_length :], self.n_points, self.n_anomalies, self.mismatch, rng
        )
        index = np.concatenate([np.arange(self.train_length), index + self.train_length])
        width = self.noise_std * np.sqrt(3.0)
        values = curve[index] + rng.uniform(-width, width, len(index))
        labels = point_labels(
            self.train_length + self.n_points, [j + self.train_length for j in joints]
        )
        both = Recording(values, labels=labels, name=case_name, sampling_period=1.0)
        train = (both[: self.train_length],) if self.train_length else ()
        return Case(case_name, (both[self.train_length :],), train)

    def fingerprint(self, case_name: str) -> str:
        """Digest of the generated values and labels."""
        return case_digest(self.load(case_name))

    def _check(self) -> None:
        for setting, least in (("n_points", 2), ("n_series", 1), ("seed", 0), ("n_anomalies", 0)):
            if getattr(self, setting) < least:
                raise ConfigError(f"{setting} must be at least {least}, not {vars(self)[setting]}")
        if self.train_length < 0 or self.noise_std < 0 or not self.mismatch > 0:
            raise ConfigError(
                "train_length and noise_std must not be negative and mismatch must be positive, "
                f"not {self.train_length}, {self.noise_std}, {self.mismatch}"
            )
        if self.n_points < _SHORTEST_STRETCH * self.n_anomalies:
            raise ConfigError(
                f"{self.n_anomalies} anomalies need at least "
                f"{_SHORTEST_STRETCH * self.n_anomalies} points, not n_points={self.n_points}"
            )

    def _describe(self) -> str:
        parameters = inspect.signature(type(self)).parameters
        changed = [
            f"{k}={vars(self)[k]}" for k, p in parameters.items() if vars(self)[k] != p.default
        ]
        return f"mackey_glass[{','.join(changed)}]" if changed else "mackey_glass"


def integrate(n_points: int, history: float, substeps: int = 10) -> FloatArray:
    """Solve the Mackey-Glass equation from a constant history by the method of steps.

    Over one delay the delayed term is known in advance, so the equation is linear in x and a
    classical Runge-Kutta step becomes `x[i + 1] = decay * x[i] + drive[i]`, which is solved for
    the whole delay at once; delayed values at half steps are cubic Hermite interpolants. The
    global error falls as `substeps` to the power -4. Only sums, products and quotients are used:
    they are rounded alike on every machine, and chaos would blow up any last-bit difference.

    Args:
        n_points: how many values to return.
        history: x(t) for t <= 0.
        substeps: Runge-Kutta steps per time unit.

    Returns:
        `(n_points,)`, x(0), x(1), ..., x(n_points - 1).
    """
    step = 1 / substeps
    z = GAMMA * step
    length = DELAY * substeps
    decay = np.cumprod(np.full(length, 1 - z + z * z / 2 - z * z * z / 6 + z * z * z * z / 24))
    weight_start = (1 - z + z * z / 2 - z * z * z / 4) * step / 6
    weight_middle = (4 - 2 * z + z * z / 2) * step / 6
    x, slope = np.full(length + 1, float(history)), np.zeros(length + 1)
    delays = []
    for _ in range(-(-n_points // DELAY)):
        feed = _production(x)
        middle = _production((x[:-1] + x[1:]) / 2 + (slope[:-1] - slope[1:]) * (step / 8))
        drive = weight_start * feed[:-1] + weight_middle * middle + step / 6 * feed[1:]
        x = np.concatenate([x[-1:], decay * (x[-1] + np.cumsum(drive / decay))])
        slope = feed - GAMMA * x
        delays.append(x[:-1:substeps])
    return np.concatenate(delays)[:n_points]


def _production(x: FloatArray) -> FloatArray:
    squared = x * x
    fourth = squared * squared
    return BETA * x / (1 + fourth * fourth * squared)


def cut_stretches(
    curve: FloatArray, n_points: int, n_anomalies: int, mismatch: float, rng: np.random.Generator
) -> tuple[NDArray[np.intp], list[int]]:
    """Choose stretches of a curve to cut out, so that what is left is `n_points` long.

    Args:
        curve: noise-free, at least `n_points + 200 * n_anomalies` points.
        n_points: length of the result.
        n_anomalies: number of cuts.
        mismatch: largest distance of the states on both sides of a joint; the smallest is half.
        rng: source of randomness.

    Returns:
        `(n_points,)` the positions in `curve` that remain, and the joints: the point after
        `joint` is the first one from behind a cut.

    Raises:
        ConfigError: no pair of points was found that matches as closely as asked for.
    """
    states = [curve]
    for _ in range(3):
        states.append(np.gradient(states[-1]))
    state = np.stack(states, axis=1)
    index = np.arange(n_points)
    joints = []
    for i in range(n_anomalies):
        stretch = n_points // n_anomalies
        candidates = i * stretch + rng.integers(_HALF_WINDOW, stretch - _HALF_WINDOW, _ATTEMPTS)
        joint, removed = _first_match(state, index, candidates, mismatch, rng)
        index[joint + 1 :] += removed
        joints.append(joint)
    return index, joints


def _first_match(
    state: FloatArray,
    index: NDArray[np.intp],
    candidates: NDArray[np.int64],
    mismatch: float,
    rng: np.random.Generator,
) -> tuple[int, int]:
    """The first candidate that can be joined to a later point, and how many points that removes."""
    for joint in candidates.tolist():
        before = index[joint]
        behind = state[before + _SHORTEST_CUT : before + _LONGEST_CUT + 1]
        distance = np.sqrt(((behind - state[before]) ** 2).sum(axis=1))
        fitting = np.flatnonzero((distance <= mismatch) & (distance >= mismatch / 2))
        if len(fitting):
            return joint, _SHORTEST_CUT + int(rng.choice(fitting))
    raise ConfigError(
        f"no joint with a mismatch of {mismatch / 2} to {mismatch} found in {_ATTEMPTS} attempts; "
        "a mismatch of 0.005 to 1 can be found"
    )


def point_labels(n_points: int, joints: list[int]) -> LabelArray:
    """1 at the 20 points around each joint, `[joint - 10, joint + 10)`; 0 elsewhere."""
    labels = np.zeros(n_points, np.int8)
    for joint in joints:
        labels[joint - _HALF_LABEL : joint + _HALF_LABEL] = 1
    return labels
