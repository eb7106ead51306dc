"""What units share is as it was, whatever a detector did to it."""

import gc
import io
import json
import locale
import logging
import multiprocessing
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import sklearn
import torch

import anomalib_ts.core.recording
from anomalib_ts.detectors.base import Detector
from anomalib_ts.run.process_state import preserved


def soft_limit(kind, value):
    resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))


def is_utf8():
    return "UTF-8" in locale.setlocale(locale.LC_CTYPE).upper()


GLOBAL = np.random  # its own state, not that of a generator

CHANGES = {
    "folder": (lambda: os.chdir("/"), os.getcwd),
    "umask": (lambda: os.umask(0o777), lambda: [os.umask(0o22), os.umask(0o22)][0]),
    "environment": (os.environ.clear, lambda: dict(os.environ)),
    "time zone": (
        lambda: (os.environ.update(TZ="Asia/Tokyo"), time.tzset()),
        lambda: time.localtime(0).tm_hour,
    ),
    "limits": (
        lambda: soft_limit(resource.RLIMIT_NOFILE, 64),
        lambda: resource.getrlimit(resource.RLIMIT_NOFILE),
    ),
    "locale": (
        lambda: locale.setlocale(locale.LC_CTYPE, "C" if is_utf8() else "C.UTF-8"),
        lambda: locale.setlocale(locale.LC_ALL),
    ),
    "alarm": (lambda: signal.alarm(100), lambda: signal.getitimer(signal.ITIMER_REAL)),
    "profile timer": (
        lambda: signal.setitimer(signal.ITIMER_PROF, 100),
        lambda: signal.getitimer(signal.ITIMER_PROF)[0] > 0,
    ),
    "signal handler": (
        lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
        lambda: signal.getsignal(signal.SIGTERM),
    ),
    "Ctrl-C": (
        lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        lambda: signal.getsignal(signal.SIGINT),
    ),
    "signal mask": (
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]),
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
    ),
    "sockets": (lambda: socket.setdefaulttimeout(3.0), socket.getdefaulttimeout),
    "recursion": (lambda: sys.setrecursionlimit(300), sys.getrecursionlimit),
    "switch interval": (lambda: sys.setswitchinterval(1.0), sys.getswitchinterval),
    "digits": (lambda: sys.set_int_max_str_digits(700), sys.get_int_max_str_digits),
    "profiler": (lambda: sys.setprofile(lambda *_: None), sys.getprofile),
    "collection": (gc.disable, gc.isenabled),
    "thresholds": (lambda: gc.set_threshold(1), gc.get_threshold),
    "start method": (
        lambda: multiprocessing.set_start_method("spawn", force=True),
        lambda: multiprocessing.get_start_method(allow_none=True),
    ),
    "path": (sys.path.clear, lambda: [*sys.path]),
    "finder": (lambda: sys.meta_path.insert(0, object()), lambda: list(sys.meta_path)),
    "module": (lambda: sys.modules.update(json=None), lambda: sys.modules["json"]),
    "lost module": (lambda: sys.modules.pop("json"), lambda: sys.modules.get("json")),
    "excepthook": (lambda: setattr(sys, "excepthook", None), lambda: sys.excepthook),
    "filters": (lambda: warnings.simplefilter("error"), lambda: list(warnings.filters)),
    "showwarning": (lambda: setattr(warnings, "showwarning", None), lambda: warnings.showwarning),
    "log level": (lambda: logging.root.setLevel(1), lambda: logging.root.level),
    "log handler": (
        lambda: logging.root.addHandler(logging.NullHandler()),
        lambda: list(logging.root.handlers),
    ),
    "log": (lambda: logging.disable(50), lambda: logging.root.manager.disable),
    "random": (lambda: random.seed(3), random.getstate),
    "NumPy's random": (lambda: GLOBAL.seed(3), lambda: list(GLOBAL.get_state()[1])),
    "NumPy's errors": (lambda: np.seterr(all="raise"), np.geterr),
    "scikit-learn": (lambda: sklearn.set_config(assume_finite=True), sklearn.get_config),
    "matplotlib": (
        lambda: matplotlib.rcParams.update({"lines.linewidth": 9}),
        lambda: matplotlib.rcParams["lines.linewidth"],
    ),
    "dtype": (lambda: torch.set_default_dtype(torch.float64), torch.get_default_dtype),
    "device": (lambda: torch.set_default_device("meta"), torch.get_default_device),
    "device once more": (lambda: torch.set_default_device("meta:0"), torch.get_default_device),
    "threads": (lambda: torch.set_num_threads(3), torch.get_num_threads),
    "deterministic": (
        lambda: torch.use_deterministic_algorithms(True),
        torch.are_deterministic_algorithms_enabled,
    ),
    "gradients": (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled),
    "anomalies": (lambda: torch.autograd.set_detect_anomaly(True), torch.is_anomaly_enabled),
    "precision": (
        lambda: torch.set_float32_matmul_precision("medium"),
        torch.get_float32_matmul_precision,
    ),
    "oneDNN": (
        lambda: torch.backends.mkldnn.set_flags(False),
        lambda: torch.backends.mkldnn.enabled,
    ),
    "cuDNN": (
        lambda: setattr(torch.backends.cudnn, "benchmark", True),
        lambda: torch.backends.cudnn.benchmark,
    ),
    "small numbers": (
        lambda: torch.set_flush_denormal(True),
        lambda: bool(np.full(1, 1e-40, np.float32) * np.float32(0.5)),
    ),
    "torch's random": (lambda: torch.manual_seed(3), lambda: torch.get_rng_state().tolist()),
    "patched NumPy": (lambda: setattr(np, "mean", None), lambda: np.mean),
    "patched module": (
        lambda: setattr(anomalib_ts.core.recording, "as_recordings", None),
        lambda: anomalib_ts.core.recording.as_recordings,
    ),
    "patched class": (lambda: setattr(Detector, "score", None), lambda: Detector.score),
    "lost method": (lambda: delattr(Detector, "save"), lambda: vars(Detector).get("save")),
    "built-in": (lambda: setattr(json, "dumps", None), lambda: json.dumps),
    "standard output": (lambda: setattr(sys, "stdout", None), lambda: sys.stdout),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_is_put_back(what):
    change, read = CHANGES[what]
    before = read()
    with preserved():
        change()
        changed = read() != before
    assert changed and read() == before


def test_what_was_not_changed_may_be_new():
    name = "a_module_imported_by_a_detector"
    with preserved():
        sys.modules[name] = sys
        np.a_new_name = 1
    assert sys.modules.pop(name) is sys
    assert np.a_new_name == 1
    del np.a_new_name


def test_closed_files_are_open_again(tmp_path):
    with (tmp_path / "file").open("w") as file:
        with preserved():
            os.close(file.fileno())
        file.write("still")
    assert (tmp_path / "file").read_text() == "still"


def test_an_error_passes_and_all_is_put_back():
    folder = Path.cwd()

    def misbehave():
        with preserved():
            os.chdir("/")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        misbehave()
    assert Path.cwd() == folder


def test_what_cannot_be_put_back_is_said(tmp_path, caplog, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    with preserved():
        os.chdir(tmp_path)
        gone.rmdir()
    assert "changed the working folder" in caplog.text


def test_ctrl_c_ends_the_job_even_if_a_detector_swallows_it():
    def swallow():
        with preserved(), suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        swallow()


def test_a_thread_that_is_not_the_main_one_keeps_what_it_can():
    found = []

    def misbehave():
        with preserved():
            os.chdir("/")
        found.append(Path.cwd())

    thread = threading.Thread(target=misbehave)
    thread.start()
    thread.join()
    assert found == [Path.cwd()]


def test_a_stream_that_is_no_file_stays_open(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    with preserved():
        sys.stdout.close()
        sys.stdout.write("inside, ")
    sys.stdout.write("after")
    assert stream.getvalue() == "inside, after"


CLOSE = {
    "closed": "sys.stdout.close(); sys.stderr.close()",
    "detached": "sys.stdout.detach(); sys.stderr.detach()",
    "descriptors closed": "os.closerange(0, 256)",
    "redirected": "os.dup2(os.open('/dev/null', 1), 1); os.dup2(1, 2)",
    "encoding": "[s.reconfigure(encoding='ascii') for s in (sys.stdout, sys.stderr)]",
    "buffer": "sys.stdout.buffer.close(); sys.stderr.buffer.close()",
    "raw": "s = sys.stdout.buffer; getattr(s, 'raw', s).close(); sys.stderr.buffer.close()",
    "originals": "sys.__stdout__.close(); sys.__stderr__.close()",
}


@pytest.mark.parametrize("how", CLOSE)
def test_standard_streams_still_write(how):
    program = f"""if True:
        import os, sys
        from anomalib_ts.run.process_state import preserved
        with preserved():
            {CLOSE[how]}
        print("out→")
        print("err→", file=sys.stderr)
        assert os.read(0, 9) == b"in"
    """
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=b"in",
        capture_output=True,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stdout.decode()) == (0, "out→\n"), done.stderr
    assert done.stderr.decode().endswith("err→\n")
