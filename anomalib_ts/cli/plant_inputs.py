"""The data that a model is given on the command line: files, folders, settings of data.

Light as `main`: what is heavy is imported by the functions that need it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anomalib_ts.core.recording import Recording
    from anomalib_ts.data.base import DataSet
    from anomalib_ts.deploy.model import PlantModel


@dataclass(frozen=True)
class Inputs:
    """Data as a command line names it.

    Attributes:
        paths: files and folders, read as the files of training were.
        settings: of the data set that settings describe; empty if there are none.
    """

    paths: tuple[str, ...]
    settings: dict[str, Any]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Inputs:
        """Tell paths from settings (`data=csv`, `data.path=FILE`), and compose these.

        Raises:
            ConfigError: a setting is wrong.
        """
        settings = [text for text in texts if "=" in text and not Path(text).exists()]
        paths = tuple(text for text in texts if text not in settings)
        if not settings:
            return cls(paths, {})
        from anomalib_ts.cli.hydra_app import composed_parts  # noqa: PLC0415

        chosen = any(text.startswith("data=") for text in settings)
        parts = composed_parts(settings if chosen else ["data=csv", *settings], ("data",))
        return cls(paths, parts["data"])

    def data_sets(self, model: PlantModel) -> list[DataSet]:
        """The data sets, those of paths first.

        Raises:
            ConfigError: settings make no data set.
        """
        from anomalib_ts.settings.config import create, create_stored  # noqa: PLC0415

        csv = {**model.reading, "_target_": "anomalib_ts.data.CsvFile"}
        found: list[DataSet] = [create_stored({**csv, "path": path}, "data") for path in self.paths]
        if self.settings:
            found.append(create(self.settings, "data"))
        return found


def healthy_recordings(data_sets: Sequence[DataSet]) -> list[Recording]:
    """What all cases of some data sets train on: their training part, or all of them.

    Labelled anomalies are warned of.
    """
    import warnings  # noqa: PLC0415

    from anomalib_ts.errors import AnomalibTsWarning  # noqa: PLC0415

    recordings: list[Recording] = []
    for data_set in data_sets:
        for name in data_set.case_names():
            case = data_set.load(name)
            recordings += case.train or case.test
    labelled = sum(int(recording.anomalous_points.sum()) for recording in recordings)
    if labelled:
        warnings.warn(
            f"{labelled} points of the data are labelled as anomalous; a model for alarms is "
            "fitted on healthy data, and a detector that learns without labels takes all for it",
            AnomalibTsWarning,
            stacklevel=2,
        )
    return recordings
