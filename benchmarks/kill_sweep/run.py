"""Kill a sweep at random moments until it is done, and compare it with one that was left alone.

    python benchmarks/kill_sweep/run.py --kills 500

The sweep (72 units) is started in a process group of its own. After a random time SIGKILL ends
the group, or just one of its processes, drawn at random from the command and all that it has
started (the server of units, a unit). Then the same command goes on, at times with `retry=all`,
which runs anew what is stored. A store that gets done before all kills are spent is checked, and
the next one is begun: its tables and the names of its files must be those of the sweep that was
left alone.
"""

from __future__ import annotations

import argparse
import contextlib
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

from anomalib_ts.run.processes import descendants

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
COMMAND = "import sys; from anomalib_ts.cli.main import main; sys.exit(main(sys.argv[1:]))"


def start(sweep: list[str], results: Path) -> subprocess.Popen[bytes]:
    """Start the sweep in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *sweep, f"results={results}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_once(sweep: list[str], results: Path, after: float, rng: random.Random) -> bool:
    """Run the sweep for at most `after` seconds; whether anything was killed before it was done.

    Half of the kills end all of it, the others a single process. A sweep that loses a single
    process other than the command goes on to its end; units that were lost with it have failed.
    """
    process = start(sweep, results)
    try:
        process.wait(after)
        return False
    except subprocess.TimeoutExpired:
        pass
    family = [process.pid, *descendants(process.pid)]
    if rng.random() < 0.5:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(family), signal.SIGKILL)
    process.wait()
    wait_for_the_end(family)
    return True


def wait_for_the_end(family: list[int]) -> None:
    """Wait until processes are gone, and stop if they do not go."""
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in family):
        if time.monotonic() > deadline:
            raise SystemExit(f"some of the processes {family} outlive the command")
        time.sleep(0.02)


def files(results: Path) -> set[str]:
    """Names of all files below a results folder."""
    return {str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()}


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
        store = folder / f"killed_{len(stores)}"
        stores.append(store)
        while spent < kills:
            again = "retry=" + rng.choice(["none", "failed", "all"])
            if not kill_once([*sweep, again], store, rng.uniform(0.0, longest), rng):
                break
            spent += 1
        if start([*sweep, "retry=failed"], store).wait() != 0:
            raise SystemExit(f"the sweep in {store} cannot be brought to its end")
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
            left = files(store) ^ files(folder / "whole")
            assert not left, f"{store} has other files: {left}"
        print(f"{options.kills} kills over {len(stores)} sweeps of {UNITS} units, each resumed to")
        print("its end: tables identical, none lost, none double, no file left over")
        print(f"({alone:.0f} s undisturbed, {time.perf_counter() - begin:.0f} s in all)")


if __name__ == "__main__":
    main()
