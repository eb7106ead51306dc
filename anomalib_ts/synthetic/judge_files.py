"""Anybody's generated table judged: files in, a comparison out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anomalib_ts.data.series.text_table import read_text_table, to_numbers
from anomalib_ts.errors import InputError
from anomalib_ts.synthetic.comparison import Comparison, compare
from anomalib_ts.synthetic.generators.references import Bootstrap, Marginals
from anomalib_ts.synthetic.judges.judge import Judge, PointJudge
from anomalib_ts.synthetic.tables.table import Schema, Table

FAKE = "generated"
STEPS = 1500
"""Training steps of the judge, whatever the size of the table."""


def judge_files(
    train: str | Path,
    real: str | Path,
    fake: str | Path,
    label: str,
    *,
    draws: int = 5,
    most: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare a generated table with real rows, and beside it two that anybody could make.

    These are `marginals` (each label's columns by themselves) and `copy` (training rows again).

    Args:
        train: table that the generator learnt from, with a header; so the others.
        real: rows that it has not seen.
        fake: rows that it made.
        label: the column of the label.
        draws: see `compare`.
        most: see `compare`.
        seed: of judge, references and draws.

    Raises:
        DataNotFoundError: there is no such file.
        InputError: a table cannot be used; the message says why.
    """
    frames = [read_frame(path) for path in (train, real, fake)]
    schema = Schema.of(frames[:2], label, names=[str(train), str(real)])
    learnt, held_out, made = (
        schema.read(frame, str(path))
        for frame, path in zip(frames, (train, real, fake), strict=True)
    )
    judge = quick_judge(learnt, seed)
    labels = np.random.default_rng(seed).choice(learnt.labels, len(made))
    tables = {
        FAKE: made,
        "marginals": Marginals(seed=seed).fit(learnt).sample(labels),
        "copy": Bootstrap(seed=seed).fit(learnt).sample(labels),
    }
    return compare(judge, learnt, held_out, tables, draws=draws, most=most, seed=seed)


def quick_judge(train: Table, seed: int = 0) -> Judge:
    """A small network trained for about `STEPS` steps."""
    make: Any = PointJudge  # whose settings have defaults, which a type checker does not see
    batches = -(-len(train) // make().batch_size)
    judge: Judge = make(seed=seed, epochs=max(1, STEPS // batches))
    return judge.fit(train)


def read_frame(path: str | Path) -> pd.DataFrame:
    """A text table with a header, packed or not, its columns by name.

    Raises:
        DataNotFoundError: there is no such file.
        InputError: it is no table, or has no header or two columns of one name.
    """
    table = read_text_table(path, is_series=False)
    if not table.has_header:
        raise InputError(f"{path} has no header; its first line must name the columns")
    twice = sorted({name for name in table.columns if table.columns.count(name) > 1})
    if twice:
        raise InputError(f"{path} has two columns {twice[0]!r}; rename one")
    frame = table.frame.set_axis(table.columns, axis=1)
    for column in frame:
        numbers = to_numbers(frame[column], table.decimal)
        if not np.isnan(numbers).any():
            frame[column] = numbers
    return frame
