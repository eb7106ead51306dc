"""Published tables of results: one row a series, one column a method.

Known layouts, each recognised by its columns:

- TSB-UAD (Paparrizos et al., PVLDB 15(8), 2022): `filename`, methods, `dataset`, properties of the
  series; AUROC. Its files are our cases with `.out` added, or `.txt` (KDD21). Only names tell which
  row is which series: 13 rows of IOPS have the length of the train file and the AUROC of the test
  file, and its periods are not those that were used.
- TSB-AD (Liu and Paparrizos, NeurIPS 2024): `file`, methods, `ts_len`, properties; VUS-PR.
- a plain table: `method`, `dataset`, `value` and perhaps `metric`, one value a line, which is the
  mean over the series of a data set; AUROC unless `metric` says another key.

What they hold is quoted, never recomputed, and marked as quoted wherever it is shown.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from anomalib_ts.core.names import nearest
from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import DataNotFoundError, InputError
from anomalib_ts.results.entries import Method, Series


@dataclass(frozen=True)
class Layout:
    """How a published file is laid out.

    Attributes:
        source: what its methods are marked with.
        metric: key of the metric it holds.
        file: the column with the names of the series; "" if values are of whole data sets.
        end: the column after the last method.
        data: the column with the data set, or "" if file names are unique without it.
        ours: what we call their methods, by their names in small letters; a method that is not
            among them is ours of the same name, if there is one.
    """

    source: str
    metric: str
    file: str
    end: str
    data: str
    ours: Mapping[str, str] = field(default_factory=dict)


PLAIN = ("method", "dataset", "value")
"""The columns of a plain table, in any order."""

TSB_UAD_METHODS = {
    "mp": "matrix_profile",
    "ae": "mlp_autoencoder",
    "fastflow-1d": "fastflow1d",
}
TSB_AD_METHODS = {
    "iforest": "iforest1",  # on points; those on windows have `Sub-` before their names
    "lof": "",
    "matrixprofile": "matrix_profile",
    "autoencoder": "mlp_autoencoder",
    "lstmad": "lstm",
    **{f"sub-{name}": name for name in ("iforest", "lof", "pca", "hbos", "ocsvm")},
}

LAYOUTS = (
    Layout("TSB-UAD", "auroc", "filename", "dataset", "dataset", TSB_UAD_METHODS),
    Layout("TSB-AD", "vus_pr/tsb_ad", "file", "ts_len", "", TSB_AD_METHODS),
)

_SHIPPED = Path(__file__).with_name("quoted")
_RAW = "https://raw.githubusercontent.com/TheDatumOrg"
NAMED = {
    "fastflow1d_paper": ("fastflow1d_paper.csv", ""),
    "tsb_uad": (
        "tsb_uad_auc_roc.csv",
        f"{_RAW}/TSB-UAD/main/result/accuracy_table/mergedTable_AUC_ROC.csv",
    ),
    "tsb_ad_u": (
        "tsb_ad_u_vus_pr.csv",
        f"{_RAW}/TSB-AD/main/benchmark_exp/benchmark_eval_results/uni_mergedTable_VUS-PR.csv",
    ),
    "tsb_ad_m": (
        "tsb_ad_m_vus_pr.csv",
        f"{_RAW}/TSB-AD/main/benchmark_exp/benchmark_eval_results/multi_mergedTable_VUS-PR.csv",
    ),
}
"""Tables that a name stands for: the file, and where to get it if it is not shipped."""

SHARED = "ANOMALIB_TS_SHARED"
"""The environment variable that names a folder in whose `published` tables may lie."""


@dataclass(frozen=True, eq=False)
class PublishedTable:
    """Quoted results.

    Attributes:
        layout: where they come from and which metric they are.
        methods: `(m,)`.
        series: `(s,)` names as published, file endings removed.
        values: `(m, s)`, NaN where the table has none.
    """

    layout: Layout
    methods: tuple[Method, ...]
    series: tuple[Series, ...]
    values: FloatArray

    def column_of(self) -> Mapping[Series, int]:
        """For each series, in the form that `normalised` gives, its column in `values`."""
        return {self.normalised(series): i for i, series in enumerate(self.series)}

    def row_of(self, detector: str) -> int | None:
        """The row of `values` with what we call by that config name; None if there is none."""
        ours = [self.layout.ours.get(m.name.casefold(), m.name.casefold()) for m in self.methods]
        return ours.index(detector) if detector in ours else None

    def normalised(self, series: Series) -> Series:
        """A name that is equal for our name of a series and the published one."""
        data = series.data.partition("[")[0] if self.layout.data else ""
        case = _stem(series.case) if self.layout.file else ""
        return Series(data.replace("_", "-").casefold(), case)


def place_of(table: str | Path) -> Path:
    """Where a published table lies.

    >>> place_of("fastflow1d_paper").name
    'fastflow1d_paper.csv'

    Args:
        table: a name of `NAMED`, or the path of a file.

    Raises:
        DataNotFoundError: the name stands for a table that is not here; the message says where to
            get it.
    """
    if str(table) not in NAMED or Path(table).is_file():
        return Path(table)
    file, url = NAMED[str(table)]
    folders = [_SHIPPED, Path(os.environ.get(SHARED, ".")) / "published"]
    found = [folder / file for folder in folders if (folder / file).is_file()]
    if not found:
        raise DataNotFoundError(
            f"the published table {table} is not shipped with this package; get {url} and give its "
            f"path, or put it as published/{file} into the folder that {SHARED} names"
        )
    return found[0]


def read_published(path: str | Path) -> PublishedTable:
    """Read a published table.

    Args:
        path: of a file, or a name, see `place_of`.

    Raises:
        DataNotFoundError: there is no such file.
        InputError: it is not in a known layout, a value is no number, or a series occurs twice.
    """
    file = place_of(path)
    if not file.is_file():
        near = nearest(str(path), sorted(NAMED))
        raise DataNotFoundError(f"no published table at {file}; of names {near}")
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines)
            header = next(reader, [])
            rows = [row for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} cannot be read as CSV: {error}") from None
    if set(PLAIN) <= set(header) <= {*PLAIN, "metric"}:
        return _plain_table([_as_dict(row, header, file) for row in rows], file)
    layout = _layout(header, file)
    names = header[1 : header.index(layout.end)]
    values = [_numbers(row, header, len(names), file) for row in rows]
    table = PublishedTable(
        layout,
        tuple(Method(name, "", layout.source) for name in names),
        tuple(_series(row, header, layout) for row in rows),
        np.array(values, dtype=np.float64).reshape(len(rows), len(names)).T,
    )
    if len(table.column_of()) < len(rows):
        raise InputError(f"{file}: a series occurs in more than one row")
    return table


def _layout(header: list[str], file: Path) -> Layout:
    for layout in LAYOUTS:
        if header[:1] == [layout.file] and layout.end in header:
            return layout
    known = "; ".join(
        [*(f"{x.source}: {x.file}, methods, {x.end}, ..." for x in LAYOUTS), ", ".join(PLAIN)]
    )
    raise InputError(f"{file} is in no known layout of published results; known are {known}")


def _as_dict(row: list[str], header: list[str], file: Path) -> dict[str, str]:
    if len(row) != len(header):
        raise InputError(f"{file}: {row[0]} has {len(row)} columns instead of {len(header)}")
    return {name: cell.strip() for name, cell in zip(header, row, strict=True)}


def _plain_table(rows: list[dict[str, str]], file: Path) -> PublishedTable:
    metrics = {row.get("metric") or "auroc" for row in rows} or {"auroc"}
    if len(metrics) > 1:
        raise InputError(f"{file}: one metric a table, not {', '.join(sorted(metrics))}")
    layout = Layout(file.stem, metrics.pop(), "", "", "dataset", TSB_UAD_METHODS)
    methods = list(dict.fromkeys(row["method"] for row in rows))
    data = list(dict.fromkeys(row["dataset"] for row in rows))
    values = np.full((len(methods), len(data)), np.nan)
    for row in rows:
        place = methods.index(row["method"]), data.index(row["dataset"])
        if np.isfinite(values[place]):
            raise InputError(f"{file}: {row['method']} has two values on {row['dataset']}")
        values[place] = _numbers([row["method"], row["value"]], ["method", "value"], 1, file)[0]
    return PublishedTable(
        layout,
        tuple(Method(name, "", layout.source) for name in methods),
        tuple(Series(name, "") for name in data),
        values,
    )


def _numbers(row: list[str], header: list[str], count: int, file: Path) -> list[float]:
    if len(row) != len(header):
        raise InputError(f"{file}: {row[0]} has {len(row)} columns instead of {len(header)}")
    try:
        return [float(cell) if cell.strip() else float("nan") for cell in row[1 : count + 1]]
    except ValueError as error:
        raise InputError(f"{file}: {row[0]}: {error}") from None


def _series(row: list[str], header: list[str], layout: Layout) -> Series:
    if layout.data:
        data, name = row[header.index(layout.data)], _stem(row[0])
        if data.startswith("NASA_"):  # `SMAPC-1_data`: the archive's file is C-1.test.out
            name = f"{name.removeprefix('SMAP').removesuffix('_data')}.test"
        return Series(data.replace("_", "-"), name)
    fields = row[0].split("_")  # 001_Genesis_id_1_Sensor_tr_4055_1st_15538.csv
    return Series(fields[1] if len(fields) > 1 else layout.source, _stem(row[0]))


def _stem(name: str) -> str:
    return name.removesuffix(".out").removesuffix(".csv").removesuffix(".txt")
