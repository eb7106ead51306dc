"""From a result store to `report.html`, and the same tables as CSV, Markdown and LaTeX."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from anomalib_ts.core.files import atomic_write
from anomalib_ts.errors import AnomalibTsError, ConfigError, DataNotFoundError
from anomalib_ts.results import standings
from anomalib_ts.results.entries import Entry, entries, unattacked
from anomalib_ts.results.formats import as_latex_table, as_markdown_table
from anomalib_ts.results.leaderboard import Row, columns, leaderboard_of
from anomalib_ts.results.leaderboard_table import as_csv, as_latex, as_markdown, title
from anomalib_ts.results.published import read_published
from anomalib_ts.results.store import Store
from anomalib_ts.views.report.content import Content, content

log = logging.getLogger(__name__)

FORMATS = ("csv", "md", "tex")
"""What a report may be written as besides HTML."""


def write_report(
    store: Store,
    output: str | Path,
    *,
    metric: str = "auroc",
    published: Sequence[str | Path] = (),
    formats: Sequence[str] = (),
    series: Sequence[str] = ("*",),
    max_megabytes: float = 20.0,
) -> list[Path]:
    """Write a store's results as one page that needs no server and no network.

    Args:
        store: the results.
        output: the HTML file; files of other formats get its name with their own ending.
        metric: key of the metric that ranks.
        published: CSV files of published results to quote beside ours, see `read_published`.
        formats: any of `FORMATS`: the tables alone.
        series: patterns of the cases (or DATA/CASE) whose values and scores can be looked at.
        max_megabytes: for these series in the page; long ones are thinned to fit.

    Returns:
        The files, the page first.

    Raises:
        ConfigError: a format is unknown, or no result has the metric.
        DataNotFoundError: the store is empty, or a file or series is not there.
        InputError: a published table does not fit.
        AnomalibTsError: bokeh is not installed.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ConfigError(f"unknown report format {unknown[0]!r}; there are {', '.join(FORMATS)}")
    _check_installed()
    from anomalib_ts.views.report.page import page  # noqa: PLC0415

    records, left_out = store.read()
    found = entries(records)
    sentences = [str(left_out)] if left_out.count else []
    for sentence in sentences:
        log.warning("%s", sentence)
    clean = unattacked(found.kept)
    _check_metric(store, found.kept, metric)
    if not clean:
        raise DataNotFoundError(
            f"all results in {store.folder} are under attack, and there is nothing to compare them "
            "with; run the same command with attack=none"
        )
    tables = [read_published(path) for path in published]
    shown = content(found, metric, tables, sentences)
    target = Path(output)
    texts = {target: page(store, clean, shown, tuple(series), max_megabytes)}
    rows = leaderboard_of(found.kept, metric, tables)
    for name in formats:
        texts[target.with_suffix(f".{name}")] = _table(name, shown, rows)
    for path, text in texts.items():
        _write(path, text)
    return list(texts)


def _table(name: str, shown: Content, rows: list[Row]) -> str:
    """All series together, then each data set; CSV has the latter alone, with every metric."""
    if name == "csv":
        return as_csv(rows)
    overall, keys = standings.grid(shown.lines, shown.metric), columns(shown.metric)
    if name == "tex":
        return f"{as_latex_table(overall)}\n{as_latex(rows, keys)}"
    heading = f"# {title(shown.metric)}, all series"
    return (
        f"{heading}\n\n{as_markdown_table(overall)}\n# Each data set\n\n{as_markdown(rows, keys)}"
    )


def _write(path: Path, text: str) -> None:
    try:
        with atomic_write(path) as file:
            file.write(text.encode(errors="backslashreplace"))
    except OSError as error:
        raise AnomalibTsError(f"cannot write the report {path}: {error}") from error


def _check_installed() -> None:
    try:
        import bokeh  # noqa: F401, PLC0415
        import jinja2  # noqa: F401, PLC0415
    except ImportError as error:
        raise AnomalibTsError(
            f"a report needs {error.name}: pip install 'anomalib-ts[report]'"
        ) from None


def _check_metric(store: Store, kept: list[Entry], metric: str) -> None:
    if not kept:
        raise DataNotFoundError(
            f"no results in {store.folder}; `anomalib-ts run results={store.folder}` makes some"
        )
    known = {key for entry in kept for key in (*entry.record.metrics, *entry.record.undefined)}
    if known and metric not in known:
        raise ConfigError(
            f"no result has the metric {metric!r}; there are {', '.join(sorted(known))}. "
            f"`anomalib-ts evaluate {store.folder}` computes more from stored scores"
        )
