"""`anomalib-ts judge`: a generated table held beside real ones."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from anomalib_ts.core.console import console
from anomalib_ts.core.files import atomic_write
from anomalib_ts.core.streams import printable
from anomalib_ts.errors import AnomalibTsError
from anomalib_ts.settings.values import check_least
from anomalib_ts.synthetic.comparison import FEWEST_ROWS
from anomalib_ts.synthetic.judge_files import FAKE, judge_files
from anomalib_ts.synthetic.report import as_html, as_text, as_text_table

LEAST: Final = {"draws": 2, "rows": FEWEST_ROWS, "seed": 0}


def run(options: argparse.Namespace) -> int:
    """Judge the tables that the options name, show what was found and write the page.

    Raises:
        AnomalibTsError: an option is out of range, a table cannot be used, or the page cannot
            be written.
    """
    check_least(vars(options), LEAST, prefix="--")
    found = judge_files(
        options.train,
        options.real,
        options.fake,
        options.label,
        draws=options.draws,
        most=options.rows,
        seed=options.seed,
    )
    shown = console()
    shown.print(as_text_table(found))
    sys.stdout.write(f"\n* clearly worse than real rows\n\n{printable(as_text(found, FAKE))}\n")
    if options.output:
        title = f"{Path(options.fake).name} beside {Path(options.real).name}"
        try:
            with atomic_write(options.output) as file:
                file.write(as_html(found, FAKE, title).encode(errors="backslashreplace"))
        except OSError as error:
            raise AnomalibTsError(
                f"cannot write {options.output}: {error.strerror or error}"
            ) from error
        sys.stdout.write(f"{options.output}\n")
    return 0
