"""NumPy arrays as a data set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.data.digests import case_digest
from anomalib_ts.errors import InputError
from anomalib_ts.names import pick
from anomalib_ts.recording import RecordingLike, as_recording


class Arrays(DataSet):
    """One series held in memory, as a data set of one case.

    Args:
        values: `(n,)` or `(n, c)` finite numbers, the series to score. Mend gaps with `fill_gaps`.
        labels: `(n,)` of 0 (normal) and 1 (anomalous), or None.
        train: `(m,)` or `(m, c)` to train on with `protocol=given`, or None.
        name: of the data set and of its case.

    Raises:
        InputError: the values are not finite numbers, or labels or train do not fit them.
    """

    def __init__(
        self,
        values: RecordingLike,
        labels: ArrayLike | None = None,
        train: RecordingLike | None = None,
        name: str = "arrays",
    ) -> None:
        self.name = name
        known = None if labels is None else np.asarray(labels)
        test = replace(as_recording(values, name), labels=known)
        parts = () if train is None else (as_recording(train, f"{name} (train part)"),)
        if parts and parts[0].channels != test.channels:
            raise InputError(
                f"{name} has {test.channels} channels, its training part {parts[0].channels}"
            )
        self._case = Case(name, (test,), parts)

    def case_names(self) -> list[str]:
        """The name of the only case."""
        return [self.name]

    def load(self, case_name: str) -> Case:
        """The series; nothing is copied."""
        pick(case_name, self.case_names(), "the data set")
        return self._case

    def fingerprint(self, case_name: str) -> str:
        """Digest of values and labels."""
        return case_digest(self.load(case_name))
