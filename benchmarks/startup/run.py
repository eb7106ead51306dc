"""Wall time of looking (`--help`, `list`) beside a bare `import hydra`, and what is imported.

python benchmarks/startup/run.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

MAIN = "import sys; from anomalib_ts.cli import main; main(sys.argv[1:])"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import hydra": ["-c", "import hydra"],
    "anomalib-ts --help": ["-c", MAIN, "--help"],
    "anomalib-ts list": ["-c", MAIN, "list"],
}
LOOK = """
import sys
before = set(sys.modules)
from anomalib_ts.cli import main
try:
    main([{argument!r}])
except SystemExit:
    pass
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(*sorted(new - set(sys.stdlib_module_names)), file=sys.stderr)
"""
RUNS = 11


def seconds(arguments: list[str]) -> float:
    """Wall clock of one fresh interpreter."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Time the commands in turn, and print medians and imports."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, arguments in COMMANDS.items():
            times[name].append(seconds(arguments))
    reference = statistics.median(times["import hydra"])
    for name, found in times.items():
        median = statistics.median(found)
        print(f"{name:20} {1000 * median:6.0f} ms  {median / reference:5.2f} x import hydra")
    for argument in ("--help", "list"):
        done = subprocess.run(
            [sys.executable, "-c", LOOK.format(argument=argument)],
            capture_output=True,
            text=True,
            check=True,
        )
        print(f"{argument} imports, besides the standard library: {done.stderr.strip()}")


if __name__ == "__main__":
    main()
