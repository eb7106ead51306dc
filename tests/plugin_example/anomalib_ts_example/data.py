"""Data sets: subclass `DataSet`, name the cases and load one at a time."""

from __future__ import annotations

import numpy as np

from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.errors import DataNotFoundError


class ExampleSteps(DataSet):
    """Noise around a level that steps up for a while: the step is the anomaly.

    Args:
        length: points a series, at least 20.
        height: of the step, in deviations of the noise.
        series: how many series there are.
        seed: of the noise and of where the steps are.
    """

    name = "ExampleSteps"

    def __init__(
        self, length: int = 400, height: float = 5.0, series: int = 2, seed: int = 0
    ) -> None:
        self.length = length
        self.height = height
        self.series = series
        self.seed = seed

    def case_names(self) -> list[str]:
        return [f"{self.name}-{i}" for i in range(self.series)]

    def load(self, case_name: str) -> Case:
        if case_name not in self.case_names():
            raise DataNotFoundError(f"no series {case_name}; there are {self.case_names()}")
        rng = np.random.default_rng([self.seed, self.case_names().index(case_name)])
        values = rng.standard_normal(self.length).astype(np.float32)
        labels = np.zeros(self.length, np.int8)
        start = int(rng.integers(self.length // 2, self.length * 9 // 10))
        anomaly = slice(start, start + self.length // 20)
        values[anomaly] += self._anomaly(self.length // 20)
        labels[anomaly] = 1
        recording = Recording(values[:, None], labels, name=case_name)
        return Case(case_name, test=(recording,), train=(recording[: self.length // 4],))

    def fingerprint(self, case_name: str) -> str:
        return f"{case_name} {self.length} {self.height} {self.seed}"

    def _anomaly(self, points: int) -> np.ndarray:
        return np.full(points, self.height)


class ExampleRamps(ExampleSteps):
    """The same with a ramp in place of the step."""

    name = "ExampleRamps"

    def _anomaly(self, points: int) -> np.ndarray:
        return np.linspace(0, self.height, points)
