"""What a sweep costs beside its detectors, and what two workers gain.

python benchmarks/sweeps/run.py overhead    200 units of a detector that takes 10 ms
python benchmarks/sweeps/run.py launchers   the same 40 units: one after another, two workers
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = "import sys; from anomalib_ts.cli.main import main; sys.exit(main(sys.argv[1:]))"
OVERHEAD_UNITS = 200
OVERHEAD_SWEEP = [
    "run",
    "detector=random",
    "detector._target_=sleeper.Sleeper",
    "~detector.seed",
    f"data.n_series={OVERHEAD_UNITS}",
    "data.n_points=500",
    "data.n_anomalies=1",
    "data.train_length=0",
    "protocol=whole",
    "baselines=none",
    "plot=false",
]
SLEEPER = """
import time
import numpy as np
from anomalib_ts import Detector

class Sleeper(Detector):
    def _fit(self, train):
        time.sleep(0.01)

    def _score(self, recording):
        return np.zeros(len(recording))
"""
LAUNCHER_SWEEP = [
    "run",
    "-m",
    "detector=iforest,autoencoder",
    "seed=0,1,2,3,4,5,6,7,8,9",
    "trainer.max_steps=100",
    "data.n_points=5000",
    "data.n_anomalies=5",
    "data.n_series=2",
    "baselines=none",
]


def timed(words: list[str], folder: Path) -> float:
    """Seconds that a command takes, from nothing to its table."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", COMMAND, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},  # isolated units ignore the working folder
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - start


def records(results: Path) -> dict[str, dict[str, object]]:
    """The stored records by path."""
    found = sorted(results.glob("[!.]*/*/*.json"))
    return {str(path.relative_to(results)): json.loads(path.read_text()) for path in found}


def overhead(folder: Path) -> None:
    """Print the seconds a unit above its own time, in this process and in one of its own."""
    (folder / "sleeper.py").write_text(SLEEPER)
    for isolate in ("false", "true"):
        words = [*OVERHEAD_SWEEP, f"isolate={isolate}"]
        one = timed([*words, "data.n_series=1", f"results=one_{isolate}"], folder)
        many = timed([*words, f"results=many_{isolate}"], folder)
        found = records(folder / f"many_{isolate}").values()
        assert len(found) == OVERHEAD_UNITS
        own = sum(float(r["fit_seconds"]) + float(r["score_seconds"]) for r in found)
        each = (many - one - own) / (OVERHEAD_UNITS - 1)
        print(
            f"isolate={isolate}: {many:.1f} s, {one:.1f} s of it for the first unit and start-up;"
        )
        print(f"  {1000 * each:.1f} ms a unit above its own {1000 * own / OVERHEAD_UNITS:.1f} ms")


def launchers(folder: Path) -> None:
    """Print the seconds of Hydra's basic launcher and of two joblib workers, and compare."""
    basic = timed([*LAUNCHER_SWEEP, "results=basic"], folder)
    two = timed(
        [*LAUNCHER_SWEEP, "results=two", "hydra/launcher=parallel", "hydra.launcher.n_jobs=2"],
        folder,
    )
    expected, found = records(folder / "basic"), records(folder / "two")
    assert len(expected) == 40
    assert found.keys() == expected.keys()
    for path, record in expected.items():
        assert found[path]["metrics"] == record["metrics"], path
    print(f"40 units, basic launcher: {basic:.1f} s; two joblib workers: {two:.1f} s")
    print(f"ratio {two / basic:.2f}; results equal bit for bit")


def main() -> None:
    """Run one of the two measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("overhead", "launchers"))
    with tempfile.TemporaryDirectory() as name:
        {"overhead": overhead, "launchers": launchers}[parser.parse_args().what](Path(name))


if __name__ == "__main__":
    main()
