"""A sweep that is killed again and again loses nothing and doubles nothing."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill_sweep" / "run.py"


@pytest.mark.slow
def test_killed_and_resumed_equals_undisturbed(tmp_path):
    spec = importlib.util.spec_from_file_location("kill_sweep", SCRIPT)
    kill_sweep = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kill_sweep)
    sweep = [word for word in kill_sweep.SWEEP if not word.startswith("seed=")] + ["seed=0,1"]
    assert kill_sweep.start(sweep, tmp_path / "whole").wait() == 0
    expected = kill_sweep.table(tmp_path / "whole")
    assert len(expected) == 18
    for store in kill_sweep.torture(sweep, tmp_path, kills=2, longest=8.0, seed=0):
        assert kill_sweep.table(store) == expected
        assert kill_sweep.files(store) == kill_sweep.files(tmp_path / "whole")
