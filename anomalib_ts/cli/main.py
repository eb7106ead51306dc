"""The command `anomalib-ts`. Each subcommand imports only what it needs, when it is called."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from anomalib_ts.cli.new import add_new
from anomalib_ts.cli.synthetic import add_judge, add_synth, synth

if TYPE_CHECKING:
    from anomalib_ts.results.leaderboard import Row
    from anomalib_ts.results.record import Record

    _Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

DESCRIPTION = "Anomaly detection for time series and machine sounds."
EPILOG = """\
examples:
  anomalib-ts run                                   the demonstration, under a minute
  anomalib-ts run detector=iforest data=csv data.path=my.csv
  anomalib-ts run -m detector=fastflow1d,iforest seed=0,1,2 results=my_results
  anomalib-ts leaderboard my_results --format csv
  anomalib-ts fit detector=iforest data=csv data.path=healthy.csv model=pump.ats
  anomalib-ts score pump.ats tomorrow.csv --fail-on-alarm

exit status: 0 success; 1 a unit (a detector on a case) failed, the others are stored; 2 a wrong
call or setting, or data that is not there; 130 interrupted, and what had finished is stored
"""
RUN_HELP = """\
usage: anomalib-ts run [-m] [key=value ...]

Run a detector on a data set, store the results and print them as a table.

  key=value     change any setting of conf/config.yaml; `anomalib-ts list` shows the choices,
                `anomalib-ts list detector usad` the settings of one of them
  -m            multirun: key=a,b,c runs every combination
  --cfg job     show the configuration instead of running it
  --hydra-help  Hydra's own options

examples:
  anomalib-ts run
  anomalib-ts run detector=iforest data=tsb_uad data.root=DIR data.dataset=Dodgers protocol=whole
  anomalib-ts run -m detector=fastflow1d,iforest seed=0,1,2,3,4 results=my_results

exit status: 0 if every unit is ok, also those stored before; 1 if any failed; 2 for a wrong
setting or data that is not there; 130 if interrupted
"""
PLANT = {
    "fit": "fit a detector and its alarms, and write them to one file",
    "score": "score data with such a file, and raise alarms",
    "check": "look at data before anything is fitted: gaps, odd channels, what to choose",
    "threshold": "show or move the threshold of such a file, without fitting again",
    "export": "write the detector of such a file as an ONNX graph",
}
"""The commands of `anomalib_ts.cli.plant`, which mix options and settings in any order."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit status is 0 for success, 1 for failed work, 2 for a wrong call."""
    given = sys.argv[1:] if arguments is None else arguments
    from anomalib_ts.core.streams import prepare_streams, printable, silence_output  # noqa: PLC0415
    from anomalib_ts.errors import AnomalibTsError  # noqa: PLC0415

    prepare_streams()
    os.environ["MPLBACKEND"] = "agg"  # pictures are files here, also where a notebook called us
    try:
        status = _command(given)
        sys.stdout.flush()
    except AnomalibTsError as error:
        sys.stderr.write(f"anomalib-ts: {printable(str(error))}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\nanomalib-ts: interrupted. Finished results are stored; the same ")
        sys.stderr.write("command goes on where this one stopped.\n")
        return 130
    except BrokenPipeError:  # whoever read it has gone away
        silence_output()
        return 0
    return status


def _command(given: list[str]) -> int:
    if given[:1] == ["run"]:
        return _run(given[1:])
    if given[:1] and given[0] in PLANT:
        from anomalib_ts.cli.plant import command  # noqa: PLC0415

        return command(given[0], given[1:])
    if given[:1] == ["synth"]:
        return synth(given[1:])
    options = _parser().parse_args(given)
    return int(options.command(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "anomalib-ts",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = metadata.version("anomalib-ts")
    parser.add_argument("--version", action="version", version=f"anomalib-ts {version}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    commands.add_parser("run", help="run a detector on a data set", add_help=False)
    for name, about in PLANT.items():
        commands.add_parser(name, help=about, add_help=False)
    for add in (
        _add_list,
        add_new,
        _add_leaderboard,
        _add_report,
        _add_clips,
        _add_scores,
        _add_reproduce,
        _add_evaluate,
        add_synth,
        add_judge,
    ):
        add(commands)
    return parser


def _add_list(commands: _Commands) -> None:
    parser = commands.add_parser("list", help="list detectors, data sets, protocols, ...")
    parser.add_argument("group", nargs="?", help="only this group, for example detector")
    parser.add_argument("name", nargs="?", help="the settings of this one, for example usad")
    parser.add_argument("--yaml", action="store_true", help="its settings as a config file")
    parser.set_defaults(command=_list)


def _add_leaderboard(commands: _Commands) -> None:
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


def _add_report(commands: _Commands) -> None:
    parser = commands.add_parser("report", help="one self-contained HTML page of stored results")
    parser.add_argument("results", metavar="RESULTS_DIR")
    parser.add_argument("-o", "--output", default="report.html", help="the page (report.html)")
    parser.add_argument("--metric", default="auroc", help="what ranks the detectors (auroc)")
    parser.add_argument("--formats", default="", help="also write tables: csv,md,tex")
    parser.add_argument("--series", default="*", help="patterns of cases to look into, by commas")
    parser.add_argument("--max-mb", type=float, default=20.0, help="size of these, at most (20)")
    _published(parser)
    parser.set_defaults(command=_report)


def _add_clips(commands: _Commands) -> None:
    parser = commands.add_parser("clips", help="the most anomalous sound clips of stored results")
    parser.add_argument("results", metavar="RESULTS_DIR")
    parser.add_argument("--case", metavar="PATTERN", default="*", help="only such cases: fan*")
    parser.add_argument("--detector", metavar="NAME", help="only results of this detector")
    parser.add_argument("--top", metavar="N", type=_count, default=10, help="how many (10)")
    parser.add_argument("--format", choices=("table", "csv"), default="table")
    parser.set_defaults(command=_clips)


def _add_scores(commands: _Commands) -> None:
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


def _add_reproduce(commands: _Commands) -> None:
    parser = commands.add_parser("reproduce", help="run one stored unit again, here and now")
    parser.add_argument("record", metavar="RECORD.json", help="a file of the results folder")
    parser.set_defaults(command=_reproduce)


def _add_evaluate(commands: _Commands) -> None:
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


def _run(arguments: list[str]) -> int:
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(RUN_HELP)
        return 0
    from anomalib_ts.cli.hydra_app import run  # noqa: PLC0415

    return run(arguments)


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
    from anomalib_ts.results import leaderboard as board  # noqa: PLC0415

    if options.format == "table":
        shown = console()
        shown.print(board.as_table(rows, shown.width, keys))
        return
    if options.columns:  # CSV and JSON hold all metrics unless told which
        rows = [board.only(row, keys) for row in rows]
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
    from anomalib_ts.results.leaderboard import COLUMNS, as_table, leaderboard  # noqa: PLC0415
    from anomalib_ts.results.store import read_record  # noqa: PLC0415
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
