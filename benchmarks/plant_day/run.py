"""The plant's year through the command line: fit on January, score day by day, count alarms.

    python benchmarks/plant_day/run.py FOLDER [--detector iforest] [--refit] [--days N]

Each day is a process of its own, as a plant would start one each night. With `--refit` the model
is fitted anew each month on the month before, less the days that had an alarm. `results.json` in
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
from plant import FAULTS, MINUTES, year

PROMISED = 0.1
ALARMS = ["--false-alarms-per-day", str(PROMISED), "--shortest", "5", "--merge", "30min"]
NEAR = 60  # minutes after a fault in which an alarm still belongs to it
START = pd.Timestamp("2026-01-01")


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
        raise SystemExit(f"{arguments}: {done.stderr}")
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


def fit(folder: Path, detector: list[str], days: list[int], model: str) -> tuple[float, str]:
    """One file of all these days; days that are missing in it leave a gap, so they are cut out."""
    names = [f"{START + pd.Timedelta(days=day):%Y-%m-%d}.csv" for day in days]
    table = pd.concat([pd.read_csv(folder / "days" / name) for name in names])
    table["timestamp"] = pd.date_range(START, periods=len(table), freq="min")  # without gaps
    table.to_csv(folder / "train.csv", index=False)
    settings = [*detector, "data=csv", "data.path=train.csv", f"model={model}", *ALARMS]
    return command(folder, "fit", *settings)


def score(folder: Path, model: str, out: str, day: int) -> tuple[float, list[dict]]:
    name = f"{START + pd.Timedelta(days=day):%Y-%m-%d}"
    seconds, _ = command(
        folder, "score", model, f"days/{name}.csv", "--output", out, "--no-picture"
    )
    return seconds, json.loads((folder / out / f"{name}.alarms.json").read_text())["alarms"]


def minutes_of(alarm: dict) -> tuple[int, int]:
    start, end = (pd.Timestamp(alarm[key]) - START for key in ("start", "end"))
    return int(start.total_seconds() // 60), int(end.total_seconds() // 60)


def judge(alarms: list[dict], days: list[int]) -> dict:
    """Alarms against faults, and false alarms month by month."""
    spans = [minutes_of(alarm) for alarm in alarms]
    found, right = {}, set()
    for fault in FAULTS:
        hits = [i for i, (a, b) in enumerate(spans) if a < fault.stop + NEAR and b >= fault.start]
        right |= set(hits)
        delay = max(0, spans[hits[0]][0] - fault.start) if hits else None
        scored = fault.start // 1440 in days
        found[fault.name] = {"minutes until the alarm": delay, "scored": scored}
    false = [spans[i][0] // 1440 for i in range(len(spans)) if i not in right]
    by_month = {}
    for month in range(2, 13):
        there = [day for day in days_of(month) if day in days]
        if there:
            by_month[month] = sum(day in there for day in false) / len(there)
    return {
        "faults": found,
        "alarms": len(spans),
        "false alarms": len(false),
        "false alarms a day": len(false) / len(days),
        "false alarms a day by month": by_month,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--detector", default="iforest")
    parser.add_argument("--refit", action="store_true")
    parser.add_argument("--days", type=int, default=365)
    options = parser.parse_args()
    folder, name = options.folder, options.detector + ("_refit" if options.refit else "")
    if not (folder / "days" / "2026-12-31.csv").exists():
        write(folder)
    detector = [f"detector={options.detector}"]
    model, fits, seconds, alarms = f"{name}.ats", [], [], []
    spent, said = fit(folder, detector, days_of(1), model)
    fits.append(spent)
    scored = list(range(31, min(options.days, 365)))
    quiet: list[int] = []
    firsts = {days_of(month)[0] for month in range(3, 13)}
    for day in scored:
        if options.refit and day in firsts and len(quiet) > 9:
            fits.append(fit(folder, detector, quiet, model)[0])
            quiet = []
        spent, found = score(folder, model, name, day)
        seconds.append(spent)
        alarms += found
        if not found:
            quiet.append(day)
    result = judge(alarms, scored) | {
        "promised": PROMISED,
        "said at the first fit": said.splitlines(),
        "fits": len(fits),
        "seconds a fit": float(np.mean(fits)),
        "seconds a day, start of the process included": float(np.mean(seconds)),
        "largest process (MB)": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
        "days scored": len(scored),
        "points scored": len(scored) * 1440,
    }
    assert MINUTES == 365 * 1440
    path = folder / "results.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | {name: result}, indent=1))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
