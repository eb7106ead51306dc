"""Time the leaderboard and the report on a large made-up store, each in a process of its own.

    python benchmarks/report/make_store.py FOLDER --units 20000 --points 2000
    python benchmarks/report/measure.py FOLDER

Wall-clock and processor seconds, imports included, the largest resident set, and the page's size.
Each is run twice: the first run may have to wait for the disk.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LEADERBOARD = """
from anomalib_ts.results.leaderboard import leaderboard
from anomalib_ts.results.leaderboard_table import as_csv
from anomalib_ts.results.store import Store
as_csv(leaderboard(Store({folder!r}).records()))
"""
REPORT = """
from anomalib_ts.views.report import write_report
from anomalib_ts.results.store import Store
write_report(Store({folder!r}), {output!r})
"""
MEMORY = """
import resource
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def measure(name: str, code: str) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code + MEMORY], check=True, capture_output=True, text=True
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{name:12} {wall:6.1f} s wall {cpu:6.1f} s processor {int(done.stdout):5d} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as place:
        output = Path(place, "report.html")
        for _ in range(2):
            measure("leaderboard", LEADERBOARD.format(folder=folder))
            measure("report", REPORT.format(folder=folder, output=str(output)))
        print(f"page         {output.stat().st_size / 1e6:6.1f} MB")


if __name__ == "__main__":
    main()
