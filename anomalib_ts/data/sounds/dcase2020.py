"""DCASE 2020 Task 2 itself: six machine types, fetched from Zenodo and counted."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from filelock import FileLock

from anomalib_ts.audio import LogMel
from anomalib_ts.audio.clip_reader import ClipReader
from anomalib_ts.core.names import pick
from anomalib_ts.data.base import Case
from anomalib_ts.data.fetching.download import download as fetch
from anomalib_ts.data.fetching.unpack import fetch_zip
from anomalib_ts.data.sounds.dcase import CACHE, FRONT_END, READER, ClipFile, Dcase
from anomalib_ts.errors import AnomalibTsWarning, DataNotFoundError

ZENODO = "https://zenodo.org/records"
TRUTH_FILE = "eval_data_list.csv"
_TRUTH_RECORD = 3951620


class Counts(NamedTuple):
    """How many clips a machine type has."""

    train_normal: int
    test_normal: int
    test_anomalous: int


class Archive(NamedTuple):
    """A zip file on Zenodo and where it goes.

    Attributes:
        record: number of the Zenodo record.
        file: name there.
        md5: checksum that Zenodo states.
        folder: what it becomes, from the folder of the machine type (`` for that folder itself).
        holds: a pattern that the contents of that folder match.
    """

    record: int
    file: str
    md5: str
    folder: str
    holds: str


DEVELOPMENT_COUNTS = {
    "ToyCar": Counts(4000, 1400, 1059),
    "ToyConveyor": Counts(3000, 2399, 1110),
    "fan": Counts(3675, 400, 1475),
    "pump": Counts(3349, 400, 456),
    "slider": Counts(2804, 400, 890),
    "valve": Counts(3291, 400, 479),
}

_MD5 = {
    "dev_data": {
        "ToyCar": "4dec75ca8d9f666aa9e4c1894a740501",
        "ToyConveyor": "03b6aa1bfd09a39d53af0ba39f71fa91",
        "fan": "649bdfc06263ae7a838963f43b6641e6",
        "pump": "90e7091ef722b7238a7f1009365779cd",
        "slider": "da24a757719f0d94d5aa2d646bbfdc86",
        "valve": "34d2672f55bb041589ef79c10dc89934",
    },
    "eval_data_train": {
        "ToyCar": "a5d4ccd498af70b04dd74b644b820006",
        "ToyConveyor": "0e808ac0b761e9fb13d5e0c65caff00d",
        "fan": "567798854130c8019df8b664c095ed1e",
        "pump": "4e33ae9c0db5cc88437675f5e317caee",
        "slider": "f84f186f4295fc23754abcdd1b0580a7",
        "valve": "057cdd560caffb8305449541afd28c6d",
    },
    "eval_data_test": {
        "ToyCar": "bea2bdd612f616be8f2b8eb087b32c7c",
        "ToyConveyor": "ccfcc9847c7d3404d7ee9d6d9e0b2ba2",
        "fan": "1eb9356a768cadfd0f2e59a5c57e578b",
        "pump": "23a8f8f924be218c69df67fe07360348",
        "slider": "0193c769073840332ce3aad84b1ccaa2",
        "valve": "f69c551d2088691050d20cccca9d631c",
    },
}


def archives(part: str, machine_type: str) -> tuple[Archive, ...]:
    """The archives that make up a machine type's development or evaluation part."""

    def one(record: int, kind: str, folder: str, holds: str) -> Archive:
        md5 = _MD5[kind][machine_type]
        return Archive(record, f"{kind}_{machine_type}.zip", md5, folder, holds)

    if part == "development":
        return (one(3678171, "dev_data", "", "train/*.wav"),)
    return (
        one(3727685, "eval_data_train", "train", "*.wav"),
        one(3841772, "eval_data_test", "test", "*.wav"),
    )


class Dcase2020(Dcase):
    """DCASE 2020 Task 2, machine sounds recorded by ToyADMOS and MIMII; a case is a machine type.

    Published under CC BY-NC-SA 4.0; cite Koizumi et al., "ToyADMOS" (WASPAA 2019), Purohit et al.,
    "MIMII Dataset" (DCASE Workshop 2019), and Koizumi et al., "Description and discussion on
    DCASE2020 challenge task 2" (DCASE Workshop 2020).

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from anomalib_ts.data import Dcase2020
    >>> with TemporaryDirectory() as folder:
    ...     (Path(folder) / "dev_data" / "pump" / "train").mkdir(parents=True)
    ...     Dcase2020(root=folder).case_names()
    ['pump']

    Args:
        root: folder with `dev_data/<type>` and `eval_data/<type>`, or with `<type>` at once.
        part: `development` (labelled) or `evaluation` (other machines; its test labels are in
            `eval_data/eval_data_list.csv`).
        machine_types: the cases; by default those that are there, or all six with `download`.
        machine_ids: the machines to keep, as two digits; all by default.
        download: fetch machine types that are not there (one to two gigabytes each).
        audio: how files become samples, see `Dcase`.
        spectrogram: how samples become a spectrogram.
        cache: folder in which spectrograms are kept.
        cache_dtype: `float16` halves the cache, at errors up to 0.03 dB.
        jobs: threads that compute spectrograms; 0 for one per CPU.
        url: where the records are.
    """

    def __init__(
        self,
        *,
        root: str = "data/dcase2020",
        part: Literal["development", "evaluation"] = "development",
        machine_types: list[str] | None = None,
        machine_ids: list[str] | None = None,
        download: bool = False,
        audio: ClipReader = READER,
        spectrogram: LogMel = FRONT_END,
        cache: str = CACHE,
        cache_dtype: Literal["float32", "float16"] = "float32",
        jobs: int = 0,
        url: str = ZENODO,
    ) -> None:
        inner = Path(root).expanduser() / ("dev_data" if part == "development" else "eval_data")
        self.part = part
        self.download = download
        self.url = url
        super().__init__(
            root=str(inner if download or inner.exists() else root),
            machine_types=machine_types,
            machine_ids=machine_ids,
            audio=audio,
            spectrogram=spectrogram,
            cache=cache,
            cache_dtype=cache_dtype,
            jobs=jobs,
            name="dcase2020" if part == "development" else "dcase2020_evaluation",
        )

    def case_names(self) -> list[str]:
        """The machine types, see `machine_types`.

        Raises:
            DataNotFoundError: there are none, or one that was asked for is not there and may not
                be downloaded.
        """
        if self.download:
            wanted = self.machine_types or list(DEVELOPMENT_COUNTS)
            return [pick(name, list(DEVELOPMENT_COUNTS), self.name) for name in wanted]
        try:
            return super().case_names()
        except DataNotFoundError as error:
            raise DataNotFoundError(
                f"{error}. Let data.download=true fetch it, or unpack {self.url}/3678171 "
                "(dev_data_<type>.zip) there"
            ) from None

    def load(self, case_name: str) -> Case:
        """Load a machine type; warns when clips are missing from the development part."""
        if self.part == "development" and self.machine_ids is None:
            _warn_of_missing(case_name, self.clips(case_name))
        return super().load(case_name)

    def folder(self, case_name: str) -> Path:
        """The folder of a machine type, downloaded if that is allowed and it is not there."""
        folder = self.root / pick(case_name, self.case_names(), self.name)
        if self.download:
            for archive in archives(self.part, case_name):
                self._fetch_archive(archive, folder / archive.folder)
        if self.part == "evaluation":
            self.ground_truth = str(self._truth())
        return folder

    def _fetch_archive(self, archive: Archive, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.root / f".{archive.file}.lock"):
            if any(folder.glob(archive.holds)):
                return
            url = f"{self.url}/{archive.record}/files/{archive.file}"
            fetch_zip(url, self.root / archive.file, folder, archive.holds, md5=archive.md5)

    def _truth(self) -> Path:
        path = self.root / TRUTH_FILE
        if self.download and not path.exists():
            fetch(f"{self.url}/{_TRUTH_RECORD}/files/{TRUTH_FILE}", path)
        return path


def _warn_of_missing(case_name: str, clips: Sequence[ClipFile]) -> None:
    expected = DEVELOPMENT_COUNTS.get(case_name)
    if expected is None:
        return
    found = Counter((clip.part, clip.fields.label) for clip in clips)
    counts = Counts(found["train", 0], found["test", 0], found["test", 1])
    missing = [
        f"{field.replace('_', ' ')}: expected {wanted}, found {there}"
        for field, wanted, there in zip(Counts._fields, expected, counts, strict=True)
        if wanted != there
    ]
    if missing:
        warnings.warn(
            f"{case_name}: not the clips of DCASE 2020's development part ({'; '.join(missing)})",
            AnomalibTsWarning,
            stacklevel=3,
        )
