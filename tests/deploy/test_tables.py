"""Scores and alarms as files: names in them come from file names, and so from anybody."""

import csv
import json

import numpy as np
import pandas as pd
import pytest

from anomalib_ts.core.recording import Recording
from anomalib_ts.deploy.alarms import Alarm
from anomalib_ts.deploy.tables import ScoredRecording, write_tables

NASTY = {"=1+1": "'=1+1", "@x": "'@x", "a\nb": r"a\nb", "\udcff": r"\udcff"}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_names_are_no_formulas_and_always_written(kind, tmp_path):
    parts = [
        ScoredRecording(
            Recording(np.arange(3.0), name=name),
            np.array([0.0, 2.0, 0.0]),
            [Alarm(start=1, stop=2, peak=1, score=2.0)],
            [{"=cmd": 0.9}],
        )
        for name in NASTY
    ]
    scores, alarms, plain = write_tables(tmp_path, "x", parts, kind)
    table = pd.read_csv(scores) if kind == "csv" else pd.read_parquet(scores)
    assert set(table["recording"]) == set(NASTY.values())
    rows = list(csv.DictReader(alarms.read_text(encoding="utf-8").splitlines()))
    assert [row["recording"] for row in rows] == list(NASTY.values())
    assert {row["channels"] for row in rows} == {"'=cmd 90 %"}
    assert [row["recording"] for row in json.loads(plain.read_text())["alarms"]] == list(NASTY)
