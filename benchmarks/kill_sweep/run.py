"""Kill a sweep at random moments until it is done, and compare it with one that was left alone.

    python benchmarks/kill_sweep/run.py --kills 100

The sweep (72 units) is started as its own process group and killed whole with SIGKILL after a
random time; the same command then goes on. A store that gets done before all kills are spent is
checked, and the next one is begun.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

SWEEP = [
    "run",
    "-m",
    "detector=iforest,moving_mean,random",
    "seed=" + ",".join(str(seed) for seed in range(8)),
    "data.n_points=2000",
    "data.n_anomalies=2",
    "data.train_length=500",
    "data.n_series=3",
    "baselines=none",
]
UNITS = 72
COMMAND = "import sys; from anomalib_ts.cli import main; sys.exit(main(sys.argv[1:]))"


def start(sweep: list[str], results: Path) -> subprocess.Popen[bytes]:
    """Start the sweep in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *sweep, f"results={results}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_once(sweep: list[str], results: Path, after: float) -> bool:
    """Run the sweep for at most `after` seconds; whether it was killed rather than done."""
    process = start(sweep, results)
    try:
        if process.wait(after) != 0:
            raise SystemExit(f"the sweep failed with exit status {process.returncode}")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def table(results: Path) -> dict[str, dict[str, float]]:
    """Metrics of every unit by its key; stops if a unit stands there twice or is not ok."""
    records = [json.loads(path.read_text()) for path in results.glob("[!.]*/*/*.json")]
    names = Counter((r["unit"]["detector"], r["unit"]["case"], r["unit"]["seed"]) for r in records)
    doubled = [name for name, count in names.items() if count > 1]
    if doubled or any(record["status"] != "ok" for record in records):
        raise SystemExit(f"double units: {doubled}, or units that failed, in {results}")
    return {str(name): record["metrics"] for name, record in zip(names, records, strict=True)}


def torture(sweep: list[str], folder: Path, kills: int, longest: float, seed: int) -> list[Path]:
    """Spend that many kills on as many stores as it takes, each brought to its end."""
    rng = random.Random(seed)
    stores: list[Path] = []
    spent = 0
    while spent < kills:
        stores.append(folder / f"killed_{len(stores)}")
        while kill_once(sweep, stores[-1], rng.uniform(0.0, longest) if spent < kills else 3600.0):
            spent += 1
    return stores


def main() -> None:
    """Print how many kills it took, and whether the tables are equal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--longest", type=float, default=12.0, help="seconds until a kill, at most")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begin = time.perf_counter()
        if start(SWEEP, folder / "whole").wait() != 0:
            raise SystemExit("the sweep fails even when it is left alone")
        alone = time.perf_counter() - begin
        expected = table(folder / "whole")
        assert len(expected) == UNITS
        stores = torture(SWEEP, folder, options.kills, options.longest, options.seed)
        for store in stores:
            assert table(store) == expected, f"{store} differs"
        print(f"{options.kills} kills over {len(stores)} sweeps of {UNITS} units, each resumed to")
        print(f"its end: tables identical, none lost, none double ({alone:.0f} s undisturbed)")


if __name__ == "__main__":
    main()
