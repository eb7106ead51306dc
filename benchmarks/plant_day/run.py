"""The plant's year through the command line: fit on January, score day by day, count alarms.

    python benchmarks/plant_day/run.py FOLDER [--detector iforest] [--refit|--recalibrate]
                                            [--by month]

Each day is a process of its own, as a plant would start one each night; `--by month` scores the
days of a month in one process, each file by itself, to the same alarms. With `--refit` the model
is fitted anew each month on the month before, less the days of a fault, which is repaired and
known by then; with `--recalibrate` only the threshold is set anew on that month. `results.json` in
the folder has every number.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from plant import FAULTS, year

PROMISED = 0.1
MERGED = 30  # minutes, as below
NEAR = 60  # minutes after a fault in which an alarm still belongs to it
ALARMS = ["--false-alarms-per-day", str(PROMISED), "--shortest", "5", "--merge", f"{MERGED}min"]
START = pd.Timestamp("2026-01-01")
ILL = {day for f in FAULTS for day in range(f.start // 1440, f.stop // 1440 + 1)}


def command(folder: Path, *arguments: str) -> tuple[float, str]:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "anomalib_ts", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return time.perf_counter() - began, done.stdout


def days_of(month: int) -> list[int]:
    days = pd.date_range(START, periods=365)
    return [i for i, day in enumerate(days) if day.month == month]


def write(folder: Path) -> None:
    """A file a day, and one of January."""
    table = year()
    (folder / "days").mkdir(parents=True, exist_ok=True)
    for day in range(365):
        part = table.iloc[day * 1440 : (day + 1) * 1440]
        part.to_csv(folder / "days" / f"{START + pd.Timedelta(days=day):%Y-%m-%d}.csv", index=False)


def train_file(folder: Path, days: list[int]) -> None:
    """One file of all these days; days that are missing in it leave a gap, so they are cut out."""
    names = [f"{START + pd.Timedelta(days=day):%Y-%m-%d}.csv" for day in days]
    table = pd.concat([pd.read_csv(folder / "days" / name) for name in names])
    table["timestamp"] = pd.date_range(START, periods=len(table), freq="min")  # without gaps
    table.to_csv(folder / "train.csv", index=False)


def fit(folder: Path, detector: list[str], days: list[int], model: str) -> tuple[float, str]:
    train_file(folder, days)
    settings = [*detector, "data=csv", "data.path=train.csv", f"model={model}", *ALARMS]
    return command(folder, "fit", *settings)


def recalibrate(folder: Path, days: list[int], model: str) -> tuple[float, str]:
    """Set the threshold on these days; the detector stays as it is."""
    train_file(folder, days)
    return command(folder, "threshold", model, "data=csv", "data.path=train.csv", *ALARMS)


def score(folder: Path, model: str, out: str, days: list[int]) -> tuple[float, list[list[dict]]]:
    """Seconds of the process, and the alarms of each day."""
    names = [f"{START + pd.Timedelta(days=day):%Y-%m-%d}" for day in days]
    files = [f"days/{name}.csv" for name in names]
    seconds, _ = command(folder, "score", model, *files, "--output", out, "--no-picture")
    read = [(folder / out / f"{name}.alarms.json").read_text() for name in names]
    return seconds, [json.loads(text)["alarms"] for text in read]


def minutes_of(alarm: dict) -> tuple[int, int]:
    start, end = (pd.Timestamp(alarm[key]) - START for key in ("start", "end"))
    return int(start.total_seconds() // 60), int(end.total_seconds() // 60)


def joined(alarms: list[dict]) -> list[tuple[int, int]]:
    """First and last minute of each alarm; what midnight cuts in two is one."""
    spans: list[tuple[int, int]] = []
    for start, end in map(minutes_of, alarms):
        if spans and start - spans[-1][1] <= MERGED:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def judge(alarms: list[dict], days: list[int]) -> dict:
    """Alarms against faults, and false alarms month by month.

    A fault is found by an alarm that begins in it, not by one that was on already.
    """
    spans = joined(alarms)
    channels = {minutes_of(alarm)[0]: list(alarm["channels"]) for alarm in alarms}
    found, right = {}, set()
    for fault in FAULTS:
        within = [i for i, (a, _) in enumerate(spans) if fault.start <= a < fault.stop + NEAR]
        before = any(a < fault.start <= b for a, b in spans)
        right |= set(within)
        found[fault.name] = {
            "minutes until an alarm begins": spans[within[0]][0] - fault.start if within else None,
            "an alarm was on already": before,
            "sensor": fault.sensor,
            "sensors blamed": channels[spans[within[0]][0]] if within else [],
        }
    false = [spans[i] for i in range(len(spans)) if i not in right]
    by_month = {}
    for month in range(2, 13):
        there = [day for day in days_of(month) if day in days]
        if there:
            low, high = there[0] * 1440, (there[-1] + 1) * 1440
            minutes = sum(max(0, min(b + 1, high) - max(a, low)) for a, b in false)
            by_month[month] = {
                "a day": round(sum(low <= a < high for a, _ in false) / len(there), 3),
                "share of the time": round(minutes / (high - low), 4),
            }
    minutes = sum(b + 1 - a for a, b in false)
    return {
        "faults": found,
        "alarms": len(spans),
        "false alarms": len(false),
        "false alarms a day": round(len(false) / len(days), 4),
        "share of the time in false alarm": round(minutes / (1440 * len(days)), 4),
        "false alarms by month": by_month,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--detector", default="iforest")
    parser.add_argument("--refit", action="store_true")
    parser.add_argument("--recalibrate", action="store_true")
    parser.add_argument("--by", choices=("day", "month"), default="day")
    options = parser.parse_args()
    folder, name = options.folder, options.detector
    name += "_refit" * options.refit + "_recalibrate" * options.recalibrate
    if not (folder / "days" / "2026-12-31.csv").exists():
        write(folder)
    detector = [f"detector={options.detector}"]
    model, fits, seconds, alarms = f"{name}.ats", [], [], []
    spent, said = fit(folder, detector, days_of(1), model)
    fits.append(spent)
    kept: list[str] = []
    said_then: list[list[str]] = []
    for month in range(2, 13):
        days = days_of(month)
        for part in [days] if options.by == "month" else [[day] for day in days]:
            spent, found = score(folder, model, name, part)
            seconds.append(spent)
            alarms += [alarm for of_day in found for alarm in of_day]
        if (options.refit or options.recalibrate) and month < 12:
            known = [day for day in days if day not in ILL]
            try:
                if options.refit:
                    fits.append(fit(folder, detector, known, model)[0])
                else:
                    said_then.append(recalibrate(folder, known, model)[1].splitlines())
            except RuntimeError as error:  # the old model goes on
                kept.append(f"after month {month}: {str(error).splitlines()[-1]}")
    result = judge(alarms, list(range(31, 365))) | {
        "promised": PROMISED,
        "said at the first fit": said.splitlines(),
        "said at each recalibration": said_then,
        "fits": len(fits),
        "fits that failed": kept,
        "seconds a fit": float(np.mean(fits)),
        f"seconds a process of a {options.by}, start included": float(np.mean(seconds)),
        "largest process (MB)": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }
    path = folder / "results.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | {name: result}, indent=1))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
