"""CPU time of looking, of a typo and of a stored run beside `import hydra`; what is imported.

python benchmarks/startup/run.py
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile

MAIN = "import sys; from anomalib_ts.cli.main import main; sys.exit(main(sys.argv[1:]))"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import hydra": ["-c", "import hydra"],
    "anomalib-ts --help": ["-c", MAIN, "--help"],
    "anomalib-ts list": ["-c", MAIN, "list"],
    "run detectr=iforest": ["-c", MAIN, "run", "detectr=iforest"],
    "run detector=fastflow": ["-c", MAIN, "run", "detector=fastflow"],
    "run detector.windw=3": ["-c", MAIN, "run", "detector.windw=3"],
    "run threshold.level=99.5": ["-c", MAIN, "run", "threshold.level=99.5"],
    "run data=tsb_uad, no data": ["-c", MAIN, "run", "data=tsb_uad"],
    "run, all stored": ["-c", MAIN, "run"],
}
LOOK = """
import sys
before = set(sys.modules)
from anomalib_ts.cli.main import main
try:
    main([{argument!r}])
except SystemExit:
    pass
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(*sorted(new - set(sys.stdlib_module_names)), file=sys.stderr)
"""
RUNS = 5


def seconds(arguments: list[str], folder: str) -> float:
    """User and system time of one fresh interpreter, its children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=False, capture_output=True, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Time the commands in turn, and print the least of several runs, and imports."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", MAIN, "run"], check=False, cwd=folder)
        for _ in range(RUNS):
            for name, arguments in COMMANDS.items():
                times[name].append(seconds(arguments, folder))
    reference = min(times["import hydra"])
    for name, found in times.items():
        least = min(found)
        print(f"{name:26} {1000 * least:6.0f} ms  {least / reference:5.2f} x import hydra")
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
