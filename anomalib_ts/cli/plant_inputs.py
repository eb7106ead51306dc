"""The data that a model is given on the command line: files, folders, settings of data.

Light as `main`: what is heavy is imported by the functions that need it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anomalib_ts.core.recording import Recording
    from anomalib_ts.data.base import DataSet


@dataclass(frozen=True)
class Inputs:
    """Data as a command line names it.

    Attributes:
        paths: files and folders, read as the files of training were.
        reading: what settings say of how they are read instead.
        settings: of the data set that settings describe; empty if there are none.
    """

    paths: tuple[str, ...]
    reading: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, texts: Sequence[str]) -> Inputs:
        """Tell paths from settings (`data=csv`, `data.path=FILE`), and compose these.

        Settings that choose no data (`data.exclude_columns=[extra]`) are of the paths.

        Raises:
            ConfigError: a setting is wrong.
        """
        settings = [text for text in texts if "=" in text and not Path(text).exists()]
        paths = tuple(text for text in texts if text not in settings)
        if not settings:
            return cls(paths)
        from anomalib_ts.cli.hydra_app import composed_parts  # noqa: PLC0415

        chosen = any(text.startswith("data=") for text in settings)
        if not chosen:
            settings.insert(0, "data=csv")
        if not paths or chosen or any(text.startswith("data.path=") for text in settings):
            return cls(paths, settings=composed_parts(settings, ("data",))["data"])
        composed = composed_parts([*settings, "data.path=a path"], ("data",))["data"]
        named = {text.partition("=")[0].lstrip("+").removeprefix("data.") for text in settings}
        return cls(paths, {name: composed[name] for name in named & composed.keys()})

    def data_sets(self, reading: dict[str, Any]) -> list[DataSet]:
        """The data sets, those of paths first.

        Args:
            reading: settings that paths are read with, but for those that were given.

        Raises:
            ConfigError: settings make no data set.
        """
        from anomalib_ts.settings.config import create, create_stored  # noqa: PLC0415

        csv = {**reading, **self.reading, "_target_": "anomalib_ts.data.CsvFile"}
        found: list[DataSet] = [create_stored({**csv, "path": path}, "data") for path in self.paths]
        if self.settings:
            found.append(create(self.settings, "data"))
        return found


def healthy_recordings(data_sets: Sequence[DataSet]) -> list[Recording]:
    """What all cases of some data sets train on: their training part, or all of them."""
    recordings: list[Recording] = []
    for data_set in data_sets:
        for name in data_set.case_names():
            case = data_set.load(name)
            recordings += case.train or case.test
    return recordings


def warn_of_labels(recordings: Sequence[Recording]) -> None:
    """Warn of labelled anomalies that a detector is fitted on."""
    import warnings  # noqa: PLC0415

    from anomalib_ts.errors import AnomalibTsWarning  # noqa: PLC0415

    labelled = sum(int(recording.anomalous_points.sum()) for recording in recordings)
    if labelled:
        warnings.warn(
            f"{labelled} points of the data are labelled as anomalous; a model for alarms is "
            "fitted on healthy data, and a detector that learns without labels takes all for it",
            AnomalibTsWarning,
            stacklevel=2,
        )
