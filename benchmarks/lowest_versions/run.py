"""The quick tests in a new environment of exactly the lowest versions that pyproject.toml declares.

python benchmarks/lowest_versions/run.py --folder lowest
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parents[2]
_BOUND = re.compile(r"(?P<name>[\w.-]+)(?:\[[^\]]*\])?>=(?P<version>[\w.]+)(?:,<[\w.]+)?")
_TEST = re.compile(r"(tests/\S+.*?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b")
_SUMMARY = re.compile(r"=+ .*\b(passed|failed|error).* in [\d.]+s")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def bounds(pyproject: Path) -> dict[str, str]:
    """Name and lowest version of everything that the project and its extras need."""
    project = tomllib.loads(pyproject.read_text())["project"]
    extras = project["optional-dependencies"].values()
    found: dict[str, str] = {}
    for requirement in [*project["dependencies"], *(one for extra in extras for one in extra)]:
        if requirement.startswith(project["name"]):
            continue  # an extra that names other extras
        bound = _BOUND.fullmatch(requirement)
        if bound is None:
            raise SystemExit(f"{requirement!r} declares no lowest version")
        found[bound["name"]] = bound["version"]
    return found


def main() -> None:
    """Make the environment, run the tests, say what was there and what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for the environment; new")
    parser.add_argument("--python", default=sys.executable, help="the interpreter to use")
    parser.add_argument(
        "--newest", action="store_true", help="the newest versions that constraints.txt allows"
    )
    parser.add_argument("tests", nargs="*", default=["-m", "not slow"], help="for pytest")
    options = parser.parse_args()
    folder = options.folder.absolute()
    subprocess.run([options.python, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    constraints = HERE / "constraints.txt"
    if not options.newest:
        constraints = folder / "lowest.txt"
        lowest = bounds(HERE / "pyproject.toml")
        constraints.write_text("".join(f"{n}=={v}\n" for n, v in lowest.items()))
    install = [python, "-m", "pip", "install", "--quiet", "--constraint", constraints]
    subprocess.run([*install, f"{HERE}[dev]", HERE / "tests" / "plugin_example"], check=True)
    environment = os.environ | dict.fromkeys(THREADS, "1") | {"PYTHONPATH": str(HERE)}
    log = folder / "pytest.txt"  # test by test, so that a run that was cut off tells at which
    with log.open("w") as file:
        done = subprocess.run(
            [python, "-m", "pytest", "-n", "0", "-v", "--no-header", "--tb=short", *options.tests],
            cwd=HERE,
            env=environment | {"PYTHONUNBUFFERED": "1"},
            stdout=file,
            check=False,
        )
    print("".join(f"{line}\n" for line in told(log.read_text(), done.returncode)))
    for line in _installed(python):
        print(line)
    raise SystemExit(done.returncode)


def told(text: str, status: int) -> Iterator[str]:
    """The tests that failed, and the last line; where there is no summary, how far it came."""
    lines = text.splitlines()
    yield from (line for line in lines if line.startswith(("FAILED", "ERROR")))
    if lines and _SUMMARY.search(lines[-1]):
        yield lines[-1]
        return
    ended = [found.groups() for line in lines if (found := _TEST.match(line))]
    yield from (f"{state} {name}" for name, state in ended if state in ("FAILED", "ERROR"))
    counts = Counter(state.lower() for _, state in ended)
    so_far = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "nothing"
    yield f"no summary: pytest ended with status {status} after {so_far}, at {lines[-1:]}"


def _installed(python: Path) -> Iterator[str]:
    """What is there of what is declared, one line each."""
    command = [python, "-m", "pip", "list", "--format=freeze"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    declared = {name.lower() for name in bounds(HERE / "pyproject.toml")}
    version = subprocess.run([python, "--version"], capture_output=True, text=True, check=True)
    yield version.stdout.strip()
    yield from (line for line in listed.splitlines() if line.partition("==")[0].lower() in declared)


if __name__ == "__main__":
    main()
