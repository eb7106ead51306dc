"""What the names of DCASE Task 2 clips say, from 2020 on, and the tables of withheld labels."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from anomalib_ts.core.files import is_clutter
from anomalib_ts.errors import DataNotFoundError, InputError

_LABELS = {"normal": 0, "anomaly": 1}

# 2020: normal_id_00_00000000. Test clips of the evaluation part come without the label.
_ID_NAME = re.compile(r"(?:(?P<label>normal|anomaly)_)?id_(?P<machine>\d\d)_(?P<number>\d{8})")

# 2021 on: section_00_source_train_normal_0000_<attributes>. The evaluation part's test clips have
# lost the label (2021), the domain too (2022) and the split too (2023).
_SECTION_NAME = re.compile(
    r"section_(?P<machine>\d\d)"
    r"(?:_(?P<domain>source|target))?"
    r"(?:_(?P<split>train|test))?"
    r"(?:_(?P<label>normal|anomaly))?"
    r"_(?P<number>\d{4})(?:_(?P<attributes>.*))?"
)

_TABLE_NAME = re.compile(r"ground_truth_(?P<machine_type>.+)_section_\d\d(?:_\w+)?")


@dataclass(frozen=True)
class ClipName:
    """The fields of a clip's name; a text is empty where the name does not have the field.

    Attributes:
        machine_id: two digits: the machine (2020) or the section (2021 on).
        number: the digits that count the clips.
        label: 0 normal, 1 anomalous, None where it is withheld.
        domain: `source` or `target`.
        split: `train` or `test`.
        attributes: operating conditions, as written (`vel_12`).
    """

    machine_id: str
    number: str
    label: int | None = None
    domain: str = ""
    split: str = ""
    attributes: str = ""


def parse_clip_name(name: str) -> ClipName:
    """Take the name of a clip apart; folders before it and a suffix after it do not matter.

    Raises:
        InputError: it follows no known pattern.
    """
    stem = Path(name).stem
    match = _ID_NAME.fullmatch(stem) or _SECTION_NAME.fullmatch(stem)
    if match is None:
        raise InputError(
            f"{name}: the name of a clip must look like normal_id_00_00000000 (normal or anomaly, "
            "machine, 8 digits) or section_00_source_train_normal_0000_attributes (section, "
            "source or target, train or test, normal or anomaly, 4 digits)"
        )
    fields = {name: text or "" for name, text in match.groupdict().items()}
    return ClipName(
        machine_id=fields["machine"],
        number=fields["number"],
        label=_LABELS.get(fields["label"]),
        domain=fields.get("domain", ""),
        split=fields.get("split", ""),
        attributes=fields.get("attributes", ""),
    )


@dataclass(frozen=True)
class Truth:
    """What a ground-truth table says about a clip: its label, and its domain if the table does."""

    label: int
    domain: str = ""


def read_ground_truth(path: str | Path) -> dict[tuple[str, str], Truth]:
    """Read the organisers' tables of withheld labels.

    Three forms are known: 2020's single `eval_data_list.csv`, where a line with one cell names
    the machine type of the lines after it and the last cell of the others is 0 or 1; from 2021 a
    file `ground_truth_<type>_section_<NN>...csv` of `clip,0 or 1`; and from 2023 the same with the
    clip's full name (`section_00_target_test_normal_0000_vel_12`) in place of the label.

    Args:
        path: a table, or a folder of them (such as `ground_truth_data`).

    Returns:
        By machine type and clip name without suffix.

    Raises:
        DataNotFoundError: there is no such file, or no table in the folder.
        InputError: a line can't be understood.
    """
    path = Path(path).expanduser()
    tables = [path]
    if path.is_dir():
        tables = sorted(table for table in path.glob("*.csv") if not is_clutter(table.name))
    if not tables or not tables[0].is_file():
        raise DataNotFoundError(f"{path}: no table of labels (a .csv file, or a folder of them)")
    return dict(entry for table in tables for entry in _read_table(table))


def _read_table(path: Path) -> Iterator[tuple[tuple[str, str], Truth]]:
    named = _TABLE_NAME.fullmatch(path.stem)
    machine_type = named["machine_type"] if named else ""
    with path.open(newline="", encoding="utf-8-sig") as file:
        for number, row in enumerate(csv.reader(file), 1):
            cells = [cell.strip() for cell in row if cell.strip()]
            if len(cells) == 1:
                machine_type = cells[0]
            elif cells:
                yield (machine_type, Path(cells[0]).stem), _truth(cells, f"{path}, line {number}")


def _truth(cells: Sequence[str], where: str) -> Truth:
    answer = cells[-1]
    if answer in ("0", "1"):
        return Truth(int(answer))
    match = _SECTION_NAME.fullmatch(answer.removesuffix(".wav"))
    if match is None or not match["label"]:
        raise InputError(
            f"{where}: {','.join(cells)!r} ends neither with 0 or 1 nor with the full name of a "
            "clip, so it gives no label"
        )
    return Truth(_LABELS[match["label"]], match["domain"] or "")
