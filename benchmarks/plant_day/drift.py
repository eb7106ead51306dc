"""Why the promised rate of false alarms is missed: does a still plant keep it, and what moves it?

    python benchmarks/plant_day/drift.py januaries
    python benchmarks/plant_day/drift.py causes
    python benchmarks/plant_day/drift.py schedules

`januaries`: models of a January score others: other weather and noise, nothing else changes.
`causes`: January's model scores the year, in which one thing after another stands still.
`schedules`: the threshold is set anew more or less often, on years of several seeds.

In one process, but each day by itself, as the command line scores it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
from plant import MOVING, SENSORS, year
from run import ILL, PROMISED, days_of, judge

from anomalib_ts import Mahalanobis, Recording
from anomalib_ts.deploy.model import PlantModel
from anomalib_ts.deploy.tables import ScoredRecording, alarm_rows
from anomalib_ts.deploy.target import AlarmTarget
from anomalib_ts.errors import AnomalibTsWarning, InputError

TARGET = AlarmTarget(per_day=PROMISED, shortest=5, merge=30)
JANUARIES, MODELS, YEARS = 12, 4, 3
WEEK = 7  # days that a threshold is set on, where it is not a month


def recording(table: pd.DataFrame, days: list[int]) -> Recording:
    parts = [table.iloc[day * 1440 : (day + 1) * 1440] for day in days]
    values = np.concatenate([part[list(SENSORS)].to_numpy() for part in parts])
    times = parts[0]["timestamp"].to_numpy() if len(parts) == 1 else None
    return Recording(values, channel_names=SENSORS, times=times, sampling_period=60.0)


def fitted(table: pd.DataFrame) -> PlantModel:
    return PlantModel.fit(Mahalanobis(), [recording(table, days_of(1))], TARGET)


def alarms_of(model: PlantModel, table: pd.DataFrame, days: list[int]) -> list[dict]:
    found = []
    for day in days:
        part = recording(table, [day])
        scores = model.score(part)
        alarms = model.alarms(scores)
        scored = ScoredRecording(part, scores, alarms, model.blamed(part, alarms))
        found += alarm_rows([scored])
    return found


def steps(every: str) -> Iterator[tuple[list[int], list[int]]]:
    """Days that are scored with one threshold, and those that the next one is set on."""
    if every == "month":
        yield from ((days_of(month), days_of(month)) for month in range(2, 13))
        return
    length = {"never": 365, "week": WEEK, "day": 1}[every]
    for first in range(31, 365, length):
        end = min(365, first + length)
        yield list(range(first, end)), list(range(end - WEEK, end))


def whole_year(table: pd.DataFrame, every: str) -> dict:
    model, alarms = fitted(table), []
    for scored, known in steps(every):
        alarms += alarms_of(model, table, scored)
        healthy = [day for day in known if day not in ILL]
        if every == "never" or not healthy:
            continue
        try:
            model = model.recalibrated([recording(table, healthy)])
        except InputError:  # nothing like peaks; the old threshold goes on
            continue
    return judge(alarms, list(range(31, 365)))


def row(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def result_cells(result: dict) -> list[str]:
    faults = result["faults"].values()
    delays = [one["minutes until an alarm begins"] for one in faults]
    return [
        f"{result['false alarms a day']:.2f}",
        f"{result['share of the time in false alarm']:.1%}",
        ", ".join("-" if delay is None else str(delay) for delay in delays),
    ]


def januaries() -> None:
    tables = [year(seed).iloc[: 31 * 1440] for seed in range(JANUARIES)]
    row("model of January", "false alarms a day in the others", "most in one", "days with an alarm")
    for seed in range(MODELS):
        model, counts, bad = fitted(tables[seed]), [], 0
        for other in range(JANUARIES):
            if other != seed:
                per_day = [len(alarms_of(model, tables[other], [day])) for day in days_of(1)]
                counts.append(sum(per_day) / 31)
                bad += sum(count > 0 for count in per_day)
        row(seed, f"{np.mean(counts):.3f}", f"{max(counts):.3f}", f"{bad} of {31 * len(counts)}")


def causes() -> None:
    row("what moves", "false alarms a day", "share of the time", "minutes until the alarm")
    cases = [(), *((what,) for what in MOVING), MOVING]
    for moving in cases:
        table = year(0, still=[what for what in MOVING if what not in moving])
        row(", ".join(moving) or "nothing", *result_cells(whole_year(table, "never")))


def schedules() -> None:
    row("year", "set anew each", "false alarms a day", "share of the time", "minutes")
    for seed in range(YEARS):
        table = year(seed)
        for every in ("never", "month", "week", "day"):
            row(seed, every, *result_cells(whole_year(table, every)))


if __name__ == "__main__":
    warnings.simplefilter("ignore", AnomalibTsWarning)
    {"januaries": januaries, "causes": causes, "schedules": schedules}[sys.argv[1]]()
