"""Commands that read stored results, and `list`: their arguments, and what they print."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from anomalib_ts.results.leaderboard import Row
    from anomalib_ts.results.record import Record

    _Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]


def add_list(commands: _Commands) -> None:
    """The command `list`."""
    parser = commands.add_parser("list", help="list detectors, data sets, protocols, ...")
    parser.add_argument("group", nargs="?", help="only this group, for example detector")
    parser.add_argument("name", nargs="?", help="the settings of this one, for example usad")
    parser.add_argument("--yaml", action="store_true", help="its settings as a config file")
    parser.set_defaults(command=_list)


def add_leaderboard(commands: _Commands) -> None:
    """The command `leaderboard`."""
    parser = commands.add_parser("leaderboard", help="table of stored results")
    parser.add_argument("results", metavar="RESULTS_DIR")
    parser.add_argument("--metric", default="auroc", help="what ranks the detectors (auroc)")
    parser.add_argument("--format", choices=("table", "csv", "json", "md", "tex"), default="table")
    parser.add_argument(
        "--common",
        action="store_true",
        help="leave out the cases on which not all detectors of a data set have a value",
    )
    parser.add_argument(
        "--beside",
        metavar="TABLE",
        help="instead, our methods beside their own figures in a published table, series by "
        "series: tsb_uad, tsb_ad_u, tsb_ad_m, fastflow1d_paper, or the path of a CSV file",
    )
    _columns(parser)
    _published(parser)
    parser.set_defaults(command=_leaderboard)


def add_report(commands: _Commands) -> None:
    """The command `report`."""
    parser = commands.add_parser("report", help="one self-contained HTML page of stored results")
    parser.add_argument("results", metavar="RESULTS_DIR")
    parser.add_argument("-o", "--output", default="report.html", help="the page (report.html)")
    parser.add_argument("--metric", default="auroc", help="what ranks the detectors (auroc)")
    parser.add_argument("--formats", default="", help="also write tables: csv,md,tex")
    parser.add_argument("--series", default="*", help="patterns of cases to look into, by commas")
    parser.add_argument("--max-mb", type=float, default=20.0, help="size of these, at most (20)")
    _published(parser)
    parser.set_defaults(command=_report)


def add_clips(commands: _Commands) -> None:
    """The command `clips`."""
    parser = commands.add_parser("clips", help="the most anomalous sound clips of stored results")
    parser.add_argument("results", metavar="RESULTS_DIR")
    parser.add_argument("--case", metavar="PATTERN", default="*", help="only such cases: fan*")
    parser.add_argument("--detector", metavar="NAME", help="only results of this detector")
    parser.add_argument("--top", metavar="N", type=_count, default=10, help="how many (10)")
    parser.add_argument("--format", choices=("table", "csv"), default="table")
    parser.set_defaults(command=_clips)


def add_scores(commands: _Commands) -> None:
    """The command `scores`."""
    parser = commands.add_parser(
        "scores", help="the score of every point of stored results, as CSV"
    )
    parser.add_argument("results", metavar="RESULTS_DIR")
    parser.add_argument("--case", metavar="PATTERN", default="*", help="only such cases: pump*")
    parser.add_argument("--detector", metavar="NAME", help="only results of this detector")
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="a file (standard output)"
    )
    parser.set_defaults(command=_scores)


def add_reproduce(commands: _Commands) -> None:
    """The command `reproduce`."""
    parser = commands.add_parser("reproduce", help="run one stored unit again, here and now")
    parser.add_argument("record", metavar="RECORD.json", help="a file of the results folder")
    parser.set_defaults(command=_reproduce)


def add_evaluate(commands: _Commands) -> None:
    """The command `evaluate`."""
    parser = commands.add_parser(
        "evaluate", help="recompute metrics of stored scores, no refitting"
    )
    parser.add_argument("results", metavar="RESULTS_DIR")
    parser.add_argument("--metrics", default="full", help="default, full, or names with commas")
    parser.add_argument("--format", choices=("table", "csv", "json", "md", "tex"), default="table")
    _columns(parser)
    parser.set_defaults(command=_evaluate)


def _published(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--published",
        metavar="FILE",
        action="append",
        default=[],
        help="a published table to quote beside ours: a CSV file, or tsb_uad, tsb_ad_u, tsb_ad_m, "
        "fastflow1d_paper; may be given again",
    )


def _columns(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--columns",
        metavar="NAMES",
        type=lambda text: [name for name in text.split(",") if name],
        help="metrics to show, with commas: auroc,vus_pr; `anomalib-ts list metrics` has all names",
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _list(options: argparse.Namespace) -> int:
    from anomalib_ts.cli.listing import listing  # noqa: PLC0415
    from anomalib_ts.core.streams import printable  # noqa: PLC0415

    sys.stdout.write(printable(listing(options.group, options.name, as_yaml=options.yaml)))
    return 0


def _leaderboard(options: argparse.Namespace) -> int:
    from anomalib_ts.results import leaderboard as board  # noqa: PLC0415
    from anomalib_ts.results.published import read_published  # noqa: PLC0415
    from anomalib_ts.results.store import existing_store  # noqa: PLC0415

    if options.beside:
        return _beside(options)
    tables = [read_published(path) for path in options.published]
    records = list(existing_store(options.results).records())
    rows = board.leaderboard(records, options.metric, tables, common=options.common)
    keys = _keys(options.columns, records) or board.columns(options.metric)
    _print_rows(rows, keys, options)
    return 0


def _beside(options: argparse.Namespace) -> int:
    from anomalib_ts.core.console import console  # noqa: PLC0415
    from anomalib_ts.core.streams import printable  # noqa: PLC0415
    from anomalib_ts.results import beside  # noqa: PLC0415
    from anomalib_ts.results.entries import entries, unattacked  # noqa: PLC0415
    from anomalib_ts.results.published import read_published  # noqa: PLC0415
    from anomalib_ts.results.store import existing_store  # noqa: PLC0415

    table = read_published(options.beside)
    kept = entries(existing_store(options.results).records())
    for remark in kept.remarks:
        sys.stderr.write(f"{printable(remark)}\n")
    found = beside.beside(unattacked(kept.kept), table)
    if options.format == "table":
        shown = console()
        shown.print(beside.as_table(found, shown.width))
        return 0
    texts = {
        "csv": beside.as_csv,
        "json": lambda found: beside.as_json(found) + "\n",
        "md": beside.as_markdown,
        "tex": beside.as_latex,
    }
    sys.stdout.write(texts[options.format](found))
    return 0


def _keys(columns: list[str] | None, records: list[Record]) -> list[str]:
    """The metrics that `--columns` names, all of them known.

    Raises:
        ConfigError: one is neither computed in any of the records nor a metric at all.
    """
    from anomalib_ts.core.names import nearest  # noqa: PLC0415
    from anomalib_ts.errors import ConfigError  # noqa: PLC0415
    from anomalib_ts.metrics.registry import REGISTRY  # noqa: PLC0415

    there = list(dict.fromkeys(key for record in records for key in record.metrics))
    for name in columns or []:
        if name not in there:
            known = name in REGISTRY
            why = f"{name!r} is not computed here: `anomalib-ts evaluate` computes it"
            raise ConfigError(f"--columns: {why if known else f'{name!r}; {nearest(name, there)}'}")
    return columns or []


def _print_rows(rows: list[Row], keys: list[str], options: argparse.Namespace) -> None:
    from anomalib_ts.core.console import console  # noqa: PLC0415
    from anomalib_ts.results import leaderboard_table as board  # noqa: PLC0415
    from anomalib_ts.results.leaderboard import only  # noqa: PLC0415

    if options.format == "table":
        shown = console()
        shown.print(board.as_table(rows, shown.width, keys))
        return
    if options.columns:  # CSV and JSON hold all metrics unless told which
        rows = [only(row, keys) for row in rows]
    texts = {
        "csv": lambda: board.as_csv(rows),
        "json": lambda: board.as_json(rows) + "\n",
        "md": lambda: board.as_markdown(rows, keys),
        "tex": lambda: board.as_latex(rows, keys),
    }
    sys.stdout.write(texts[options.format]())


def _report(options: argparse.Namespace) -> int:
    from anomalib_ts.results.store import existing_store  # noqa: PLC0415
    from anomalib_ts.views.report import write_report  # noqa: PLC0415

    files = write_report(
        existing_store(options.results),
        options.output,
        metric=options.metric,
        published=options.published,
        formats=[name for name in options.formats.split(",") if name],
        series=options.series.split(","),
        max_megabytes=options.max_mb,
    )
    for path in files:
        sys.stdout.write(f"{path}\n")
    return 0


def _scores(options: argparse.Namespace) -> int:
    from anomalib_ts.results.score_table import save_scores, write_scores  # noqa: PLC0415
    from anomalib_ts.results.store import existing_store  # noqa: PLC0415
    from anomalib_ts.views.clips import scored_records  # noqa: PLC0415

    store = existing_store(options.results)
    records = scored_records(store, options.case, options.detector)
    if options.output == "-":
        write_scores(sys.stdout, store, records)
    else:
        save_scores(options.output, store, records)
    return 0


def _clips(options: argparse.Namespace) -> int:
    from anomalib_ts.core.console import console  # noqa: PLC0415
    from anomalib_ts.results.store import existing_store  # noqa: PLC0415
    from anomalib_ts.views.clip_table import as_csv, as_text  # noqa: PLC0415
    from anomalib_ts.views.clips import ranked_units  # noqa: PLC0415

    units = ranked_units(existing_store(options.results), options.case, options.detector)
    if options.format == "csv":
        sys.stdout.write(as_csv(units, options.top))
        return 0
    shown = console()
    for place, ranked in enumerate(units):
        if place:
            shown.print()
        shown.print(as_text(ranked, options.top))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from anomalib_ts.cli.summary import shown_metrics  # noqa: PLC0415
    from anomalib_ts.results.leaderboard import leaderboard  # noqa: PLC0415
    from anomalib_ts.results.rejudge import evaluate_store  # noqa: PLC0415
    from anomalib_ts.results.store import existing_store  # noqa: PLC0415

    names = options.metrics.split(",")
    metrics = names[0] if names[0] in ("default", "full") else names
    records = evaluate_store(existing_store(options.results), metrics)
    keys = _keys(options.columns, records) or shown_metrics(metrics, records)
    _print_rows(leaderboard(records), keys, options)
    return 0


def _reproduce(options: argparse.Namespace) -> int:
    from anomalib_ts.core.console import console  # noqa: PLC0415
    from anomalib_ts.core.streams import printable  # noqa: PLC0415
    from anomalib_ts.errors import DataNotFoundError  # noqa: PLC0415
    from anomalib_ts.evaluation.judge import Evaluation  # noqa: PLC0415
    from anomalib_ts.results.leaderboard import COLUMNS, leaderboard  # noqa: PLC0415
    from anomalib_ts.results.leaderboard_table import as_table  # noqa: PLC0415
    from anomalib_ts.results.record_files import read_record  # noqa: PLC0415
    from anomalib_ts.run.unit import execute  # noqa: PLC0415

    record = read_record(Path(options.record))
    if record is None:
        raise DataNotFoundError(f"no record in {options.record}")
    wanted = _judged_keys(record)
    again = execute(record.unit, Evaluation(wanted, **record.judged), threads=1).record
    if again.status != "ok":
        sys.stderr.write(printable(again.error["traceback"] or again.error["message"]) + "\n")
        return 1
    shown = console()
    keys = [key for key in record.metrics if key in again.metrics] or list(COLUMNS)
    shown.print(as_table(leaderboard([again]), shown.width, keys))
    return 0


def _judged_keys(record: Record) -> str | list[str]:
    """The metrics that a record was judged by; `default` where it failed before it was judged."""
    from anomalib_ts.metrics.registry import REGISTRY  # noqa: PLC0415

    known = record.metrics.keys() | record.undefined.keys()
    return [key for key in REGISTRY if key in known] or "default"
