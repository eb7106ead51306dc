"""Zenodo's records of DCASE 2020 Task 2 in small, under their real addresses."""

import hashlib
import zipfile
from io import BytesIO
from pathlib import Path

from anomalib_ts.data.sounds import dcase2020
from anomalib_ts.data.sounds.dcase2020 import DEVELOPMENT_COUNTS, Counts
from tests.makers.clips import noise, write, write_machine_type

TRUTH = "/3951620/files/eval_data_list.csv"
PER_ID = 4
"""Clips of the evaluation part's only machine, 01, in each part; every second one is anomalous."""


def development(machine_type):
    """The address of a machine type's development part."""
    return f"/3678171/files/dev_data_{machine_type}.zip"


def make_records(folder, machine_types, monkeypatch, **settings):
    """Archives of generated clips in the real ones' layout, by address.

    The checksums and the counts that the package knows are replaced with those of these archives.

    Args:
        folder: where the clips are written first.
        machine_types: some of the six.
        monkeypatch: pytest's.
        settings: of `write_machine_type`.
    """
    records = {}
    for name in machine_types:
        sounds = write_machine_type(folder / "dev_data" / name, **settings)
        other = folder / "eval_data" / name
        for i in range(PER_ID):
            seed = 10 * i + 1000 * machine_types.index(name)
            write(other / "train" / f"normal_id_01_{i:08d}.wav", noise(0.2, seed + 1))
            write(other / "test" / f"id_01_{i:08d}.wav", noise(0.2, seed + 2))
        records |= {
            development(name): _zipped(sounds / "train", sounds / "test"),
            f"/3727685/files/eval_data_train_{name}.zip": _zipped(other / "train"),
            f"/3841772/files/eval_data_test_{name}.zip": _zipped(other / "test"),
        }
        counts = (len([*sounds.glob(p)]) for p in ("train/*", "test/normal*", "test/anomaly*"))
        monkeypatch.setitem(DEVELOPMENT_COUNTS, name, Counts(*counts))
    for address, content in records.items():
        kind, _, name = Path(address).stem.rpartition("_")
        monkeypatch.setitem(dcase2020._MD5[kind], name, hashlib.md5(content).hexdigest())
    lines = [
        line
        for name in machine_types
        for line in (name, *(f"id_01_{i:08d}.wav,x_{i:08d}.wav,{i % 2}" for i in range(PER_ID)))
    ]
    return records | {TRUTH: "\n".join(lines).encode()}


def _zipped(*folders):
    """A zip file of folders, each by its own name, in a wrapping folder as on Zenodo."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for folder in folders:
            for file in sorted(folder.rglob("*.wav")):
                archive.write(file, file.relative_to(folder.parent.parent))
    return content.getvalue()
