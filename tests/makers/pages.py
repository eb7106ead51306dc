"""What a page supposes: the files that its commands name, and how its code is run."""

import re
import shlex
import subprocess
import sys

import numpy as np
from scipy.io import wavfile

from anomalib_ts.cli.main import main
from tests.makers.encoders import write_image_encoder


def blocks_of(text):
    """`(language, code)` of each fenced block."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def commands_of(text):
    """The lines of the bash blocks, continued ones joined."""
    code = [block for language, block in blocks_of(text) if language == "bash"]
    return [line for block in code for line in block.replace("\\\n", "").splitlines() if line]


def write_files(folder):
    """A pump's CSV, new readings, a German file, sounds, TSB-UAD, an encoder (all tiny)."""
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
    german = [f"{one:.4f}".replace(".", ",") + "\n" for one in value]
    (folder / "anlage.csv").write_text(
        "Druck;Länge\n" + "".join(f"{one[:-1]};1,0\n" for one in german), "latin-1"
    )
    for place in ("train/normal_id_01_0000", "test/normal_id_01_0001", "test/anomaly_id_01_0002"):
        path = folder / "sounds" / "pump" / f"{place}0000.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        wavfile.write(path, 16_000, rng.integers(-9999, 9999, 32_000, dtype=np.int16))
    for name in ("Dodgers", "Genesis"):
        path = folder / "data" / "tsb-uad" / name / "series.test.out"
        path.parent.mkdir(parents=True)
        np.savetxt(path, table, "%.5f,%d")
    write_image_encoder(folder / "encoder.onnx")


def run_command(command):
    """The exit status of an `anomalib-ts` command, in this process and folder."""
    return main(shlex.split(command)[1:])


def run_snippet(code, folder):
    """Run Python as a person would: in a file of its own."""
    (folder / "snippet.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "snippet.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
