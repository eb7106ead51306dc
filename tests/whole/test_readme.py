"""Every command and every snippet of the README is run."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line
    for language, block in BLOCKS
    if language == "bash"
    for line in block.splitlines()
    if line.startswith("anomalib-ts")
]
RUN_BY_CI = ("pip install", "pytest")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the README supposes: a pump's CSV, and a TSB-UAD folder (tiny ones)."""
    folder = tmp_path_factory.mktemp("readme")
    rng = np.random.default_rng(0)
    value = np.sin(np.arange(2000) / 7) + 0.1 * rng.standard_normal(2000)
    label = np.zeros(2000, int)
    label[1500:1520], value[1500:1520] = 1, 2.0
    table = np.column_stack([value, label])
    np.savetxt(folder / "pump.csv", table, "%.5f,%d", header="value,label", comments="")
    for name, days in (("healthy", 14), ("tomorrow", 1)):
        times = np.datetime64("2026-01-01T00:00") + np.arange(days * 1440)
        flow = np.sin(np.arange(len(times)) / 7) + 0.1 * rng.standard_normal(len(times))
        lines = [f"{time},{one:.5f}\n" for time, one in zip(times, flow, strict=True)]
        (folder / f"{name}.csv").write_text("timestamp,flow\n" + "".join(lines))
    for name in ("Dodgers", "Genesis"):
        path = folder / "data" / "tsb-uad" / name / "series.test.out"
        path.parent.mkdir(parents=True)
        np.savetxt(path, table, "%.5f,%d")
    return folder


def test_nothing_in_the_readme_escapes_these_tests():
    lines = [line for lang, block in BLOCKS if lang == "bash" for line in block.splitlines()]
    assert [line for line in lines if line not in COMMANDS and not line.startswith(RUN_BY_CI)] == []
    assert {language for language, _ in BLOCKS} <= {"bash", "python", "text", "toml"}


@pytest.mark.slow
def test_the_commands_one_after_another(folder):
    code = "import sys; from anomalib_ts.cli.main import main; sys.exit(main(sys.argv[1:]))"
    for command in COMMANDS:  # later ones read what earlier ones stored
        done = subprocess.run(
            [sys.executable, "-c", code, *command.split()[1:]],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
        assert done.stdout or "report" in command


@pytest.mark.slow
@pytest.mark.parametrize("snippet", [block for lang, block in BLOCKS if lang == "python"])
def test_snippet(snippet, tmp_path):
    (tmp_path / "snippet.py").write_text(snippet)
    done = subprocess.run(
        [sys.executable, "snippet.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
