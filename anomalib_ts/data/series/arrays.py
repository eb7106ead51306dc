"""NumPy arrays as a data set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike

from anomalib_ts.core.names import pick
from anomalib_ts.core.recording import Recording, RecordingLike, as_recording
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.data.digests import case_digest
from anomalib_ts.data.series.channel_order import same_channels


class Arrays(DataSet):
    """One series held in memory, as a data set of one case.

    >>> from anomalib_ts.data import Arrays
    >>> case = Arrays([1.0, 2.0, 9.0], labels=[0, 0, 1], train=[1.0, 2.0], name="pump").load("pump")
    >>> len(case.test[0]), len(case.train[0])
    (3, 2)

    Args:
        values: `(n,)` or `(n, c)` finite numbers, or a recording with names and times: the series
            to score. Mend gaps with `fill_gaps`.
        labels: `(n,)` of 0 (normal) and 1 (anomalous), or None.
        train: `(m,)` or `(m, c)` to train on with `protocol=given`, or None.
        name: of the data set and of its case.

    Raises:
        InputError: the values are not finite numbers, or labels or train do not fit them;
            channels of `train` in another order are put right by name, other names are refused.
    """

    def __init__(
        self,
        values: RecordingLike,
        labels: ArrayLike | None = None,
        train: RecordingLike | None = None,
        name: str = "arrays",
    ) -> None:
        self.name = name
        known: Any = labels
        test = replace(as_recording(values, name), labels=known, name=name)
        parts: tuple[Recording, ...] = ()
        if train is not None:
            part = replace(as_recording(train, name), name=f"{name} (train part)")
            parts = (same_channels(part, test),)
        case = Case(name, (test,), parts)
        self._case = replace(case, fingerprint=case_digest(case))

    def case_names(self) -> list[str]:
        """The name of the only case."""
        return [self.name]

    def load(self, case_name: str) -> Case:
        """The series; nothing is copied."""
        pick(case_name, self.case_names(), "the data set")
        return self._case

    def fingerprint(self, case_name: str) -> str:
        """Digest of values, labels, channel names and times."""
        return self.load(case_name).fingerprint
