"""What a data set gives: named cases, each something to train on and something to score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from anomalib_ts.core.recording import FloatArray, Recording


@dataclass(frozen=True)
class Case:
    """One problem to solve: a series, or a machine type with its clips.

    >>> from anomalib_ts import Case, Recording
    >>> case = Case("pump", test=(Recording([1.0, 9.0], labels=[0, 1]),))
    >>> len(case.test), case.train
    (1, ())

    Attributes:
        name: unique within its data set.
        test: the recordings to score, whole.
        train: the data set's own training part; empty where it has none.
        fingerprint: what `DataSet.fingerprint` gives for the very bytes that this case was made
            of, taken in the same pass as they were read; empty where the data set leaves that to
            `DataSet.fingerprint`.
    """

    name: str
    test: tuple[Recording, ...]
    train: tuple[Recording, ...] = ()
    fingerprint: str = ""


class DataSet(ABC):
    """A collection of cases that are loaded one at a time.

    >>> from anomalib_ts import Case, DataSet, Recording
    >>> class Ramp(DataSet):
    ...     name = "ramp"
    ...
    ...     def case_names(self):
    ...         return ["up"]
    ...
    ...     def load(self, case_name):
    ...         return Case(case_name, test=(Recording(range(5)),))
    ...
    ...     def fingerprint(self, case_name):
    ...         return "1"
    >>> len(Ramp().load("up").test[0])
    5

    Attributes:
        name: stands in results and leaderboards, so it must tell this selection from others
            (`Dodgers`, not `tsb_uad`).
        ordered: whether points follow each other in time; where they do not, a detector that
            looks at more than one point at a time is warned about.
    """

    name: str
    ordered: ClassVar[bool] = True

    @property
    def for_tuning(self) -> bool:
        """Whether settings may be tuned on these cases, because figures are reported on others.

        False here; a data set with a list of its own for that overrides it.
        """
        return False

    @abstractmethod
    def case_names(self) -> list[str]:
        """Names of all cases, without loading them.

        Raises:
            DataNotFoundError: the data is not there; the message says how to get it.
        """

    @abstractmethod
    def load(self, case_name: str) -> Case:
        """Load one case."""

    @abstractmethod
    def fingerprint(self, case_name: str) -> str:
        """A digest that changes whenever `load` would give other values or labels."""

    def file(self, case_name: str, recording_name: str) -> Path | None:
        """Where the file of a recording lies, loaded or not.

        None where recordings have no file each, as here; a data set of sound files overrides it.
        """
        del case_name, recording_name
        return None

    def frequencies(self) -> FloatArray | None:
        """`(c,)` centre frequency of each channel in Hz, where recordings are spectrograms in dB.

        None where they are not, as here.
        """
        return None
