"""Detectors that misbehave in every way a program can; the framework has to survive each.

`EXPECTED` says how a unit of each ends, and which of them only a process of its own withstands.
"""

from __future__ import annotations

import builtins
import collections.abc
import contextlib
import ctypes
import dataclasses
import faulthandler
import gc
import hashlib
import itertools
import json
import locale
import logging
import os
import pathlib
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from dataclasses import dataclass

import filelock
import numpy as np
import sklearn.ensemble
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import anomalib_ts.core.recording
from anomalib_ts.detectors import MovingMean
from anomalib_ts.detectors.base import Detector
from anomalib_ts.errors import ConfigError

SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(120)"]
_HOARD = []


class Hostile(Detector):
    """Scores by the absolute value; what it does besides is for its children to say."""

    def _fit(self, train):
        pass

    def _score(self, recording):
        return abs(recording.values[:, 0]).astype(float)


# --- what they raise -------------------------------------------------------------------------


class Raises(Hostile):
    def _fit(self, train):
        raise RuntimeError("planted failure")


class RaisesBase(Hostile):
    def _fit(self, train):
        class Odd(BaseException):
            pass

        raise Odd("planted failure")


class ExitsPolitely(Hostile):
    def _fit(self, train):
        sys.exit(0)


class Interrupts(Hostile):
    def _score(self, recording):
        raise KeyboardInterrupt


class UndecodableText(Hostile):
    def _fit(self, train):
        raise RuntimeError("cannot open \udcff\0\x1b[31m.bin")


class TextRaises(Hostile):
    def _fit(self, train):
        class MuteError(Exception):
            def __str__(self):
                raise SystemExit(3)

        raise MuteError


class HugeText(Hostile):
    def _fit(self, train):
        raise RuntimeError("x" * 30_000_000)


class NamelessType(Hostile):
    def _fit(self, train):
        class Meta(type):
            @property
            def __name__(cls):
                raise SystemExit(1)

        class OddError(Exception, metaclass=Meta):
            pass

        raise OddError


class RaisesConfigError(Hostile):
    def _fit(self, train):
        raise ConfigError("the window is larger than this series")


class EndlessRecursion(Hostile):
    def _fit(self, train):
        self._fit(train)


class RunsOutOfMemory(Hostile):
    def _fit(self, train):
        np.ones(2**48)


# --- what they return ------------------------------------------------------------------------


class NumpyNumbers(Hostile):
    def fitted_values(self):
        return {"a": np.float32(1.5), "b": torch.tensor(2.0), "c": True}


class NoNumbers(Hostile):
    def fitted_values(self):
        return {"a": lambda: 1}


class EndlessNumbers(Hostile):
    def fitted_values(self):
        class Endless(collections.abc.Mapping):
            def __getitem__(self, key):
                return 1.0

            def __len__(self):
                return 1

            def __iter__(self):
                return map(str, itertools.count())

        return Endless()


class NotFinite(Hostile):
    def fitted_values(self):
        return {"a": float("nan"), "b": float("inf")}


class ShortScores(Hostile):
    def _score(self, recording):
        return np.zeros(len(recording) - 1)


class ObjectScores(Hostile):
    def _score(self, recording):
        return np.array([object()] * len(recording))


# --- what they change ------------------------------------------------------------------------


class ChangesFolder(Hostile):
    def _fit(self, train):
        os.chdir("/")
        os.umask(0o777)


class ClearsEnvironment(Hostile):
    def _fit(self, train):
        os.environ.clear()
        os.environ["OMP_NUM_THREADS"] = "many"


class ClosesStreams(Hostile):
    def _fit(self, train):
        sys.stdout.close()
        sys.stderr.close()


class ClosesDescriptors(Hostile):
    def _fit(self, train):
        os.closerange(0, 256)


class SetsAlarm(Hostile):
    def _fit(self, train):
        signal.setitimer(signal.ITIMER_REAL, 0.3)


class HandlesSignals(Hostile):
    def _fit(self, train):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGALRM])


class LowersLimits(Hostile):
    def _fit(self, train):
        for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE):
            resource.setrlimit(kind, (8, resource.getrlimit(kind)[1]))


class RaisesWarnings(Hostile):
    def _fit(self, train):
        warnings.simplefilter("error")
        logging.disable(logging.CRITICAL)
        np.seterr(all="raise")


class TorchDouble(Hostile):
    def _fit(self, train):
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")


class TorchSettings(Hostile):
    def _fit(self, train):
        torch.set_grad_enabled(False)
        torch.set_num_threads(3)
        torch.use_deterministic_algorithms(True)
        torch.set_flush_denormal(True)
        torch.set_float32_matmul_precision("medium")


class SeedsAll(Hostile):
    def _fit(self, train):
        random.seed(7)
        np.random.seed(7)  # noqa: NPY002
        torch.manual_seed(7)


class BreaksImports(Hostile):
    def _fit(self, train):
        class Refuses:
            @staticmethod
            def find_spec(name, *_):
                raise ImportError(f"{name} is not for you")

        sys.meta_path.insert(0, Refuses)
        sys.path.clear()
        sys.modules["json"] = sys.modules["hashlib"] = None


class PatchesNumpy(Hostile):
    def _fit(self, train):
        np.mean = np.concatenate = np.quantile = lambda *_, **__: 0.0
        builtins.sum = lambda *_: 42
        time.perf_counter = lambda: 0.0


class PatchesPackage(Hostile):
    def _fit(self, train):
        Detector.score = lambda self, recording: np.zeros(len(recording))
        anomalib_ts.core.recording.as_recordings = None


class ChangesPython(Hostile):
    def _fit(self, train):
        gc.disable()
        sys.setrecursionlimit(120)
        sys.setprofile(lambda *_: None)
        sys.excepthook = lambda *_: None
        socket.setdefaulttimeout(0.001)
        locale.setlocale(locale.LC_ALL, "C.UTF-8")


class PatchesLibraries(Hostile):
    def _fit(self, train):
        def broken(*_, **__):
            raise SystemExit("patched")

        pathlib.Path.open = pathlib.Path.read_text = broken  # a class of Python's library
        json.JSONEncoder.encode = broken
        hashlib.sha256 = tempfile.TemporaryFile = dataclasses.replace = broken
        os.getpid = os.replace = os.open = broken
        filelock.FileLock.acquire = broken  # inherited, so the patch hides it
        torch.nn.Linear.forward = torch.nn.functional.relu = broken
        sklearn.ensemble.IsolationForest.fit = broken
        MovingMean.score = MovingMean.fit = broken


class TorchModes(Hostile):
    def _fit(self, train):
        class Refuses(torch.overrides.TorchFunctionMode):
            def __torch_function__(self, func, types, args=(), kwargs=None):
                raise SystemExit("not for you")

        def hook(*_):
            raise SystemExit("not for you")

        torch.nn.modules.module.register_module_forward_hook(hook)
        TorchDispatchMode().__enter__()
        torch.inference_mode().__enter__()
        Refuses().__enter__()


class OtherGenerator(Hostile):
    def _fit(self, train):
        np.random.set_bit_generator(np.random.PCG64(3))


class BreaksLogging(Hostile):
    def _fit(self, train):
        logging.setLogRecordFactory(lambda *_, **__: 1 / 0)
        logging.setLoggerClass(type("Odd", (logging.Logger,), {}))
        logging.getLogger("anomalib_ts.run.process_state").setLevel(logging.DEBUG)
        logging.getLogger("anomalib_ts.run.job").filters.append(lambda _: 1 / 0)


class OrdersTheEnd(Hostile):
    def _fit(self, train):
        faulthandler.dump_traceback_later(0.3, exit=True)


class SignalsHeldOff(Hostile):
    def _fit(self, train):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])
        for number in (signal.SIGUSR1, signal.SIGTERM):
            os.kill(os.getpid(), number)


# --- what they leave behind ------------------------------------------------------------------


class LeavesThread(Hostile):
    def _fit(self, train):
        threading.Thread(target=time.sleep, args=(120,), daemon=True).start()


class LeavesFilesOpen(Hostile):
    def _fit(self, train):
        with contextlib.suppress(OSError):
            while True:
                os.open(os.devnull, os.O_RDONLY)


class LeavesChild(Hostile):
    def _fit(self, train):
        subprocess.Popen(SLEEPER)
        subprocess.Popen(SLEEPER, start_new_session=True)


class LeavesMemory(Hostile):
    def _fit(self, train):
        _HOARD.append(np.ones(30_000_000))  # 240 MB


class ForksAndReturns(Hostile):
    def _fit(self, train):
        os.fork()


# --- what only a process of its own withstands -----------------------------------------------


class Exits(Hostile):
    def _fit(self, train):
        os._exit(7)


class ExitsWithoutError(Hostile):
    def _fit(self, train):
        os._exit(0)


class Segfaults(Hostile):
    def _fit(self, train):
        ctypes.string_at(0)


class ExitsLater(Hostile):
    def _fit(self, train):
        threading.Thread(target=lambda: (time.sleep(0.3), os._exit(3)), daemon=True).start()


class ForksAndDies(Hostile):
    def _fit(self, train):
        if os.fork() == 0:
            time.sleep(120)
        os._exit(7)


class KillsParent(Hostile):
    def _fit(self, train):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(120)


class SignalsParent(Hostile):
    def _fit(self, train):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            os.kill(os.getppid(), number)
        time.sleep(0.3)


class StopsParent(Hostile):
    def _fit(self, train):
        os.kill(os.getppid(), signal.SIGSTOP)
        time.sleep(120)


class Sleeps(Hostile):
    def _fit(self, train):
        time.sleep(120)


class Stops(Hostile):
    def _fit(self, train):
        os.kill(os.getpid(), signal.SIGSTOP)


class HoldsInterpreter(Hostile):
    def _fit(self, train):
        ctypes.PyDLL(None).sleep(120)


class WaitsForChild(Hostile):
    def _fit(self, train):
        subprocess.run(SLEEPER, start_new_session=True, check=False)


class Allocates(Hostile):
    def _fit(self, train):
        while True:
            _HOARD.append(np.ones(10_000_000))
            time.sleep(0.01)


class ChildHoards(Hostile):
    def _fit(self, train):
        hoard = "b = b'x' * 1_200_000_000; import time; time.sleep(120)"
        subprocess.run([sys.executable, "-S", "-c", hoard], check=False)


@dataclass(frozen=True)
class Expected:
    """How a unit ends.

    Attributes:
        status: of its record.
        here: whether this process withstands it, too.
    """

    status: str
    here: bool = True


EXPECTED = {
    Raises: Expected("error"),
    RaisesBase: Expected("error"),
    ExitsPolitely: Expected("error"),
    Interrupts: Expected("error"),
    UndecodableText: Expected("error"),
    TextRaises: Expected("error"),
    HugeText: Expected("error"),
    NamelessType: Expected("error"),
    RaisesConfigError: Expected("error"),
    EndlessRecursion: Expected("error"),
    RunsOutOfMemory: Expected("oom"),
    NumpyNumbers: Expected("ok"),
    NoNumbers: Expected("error"),
    EndlessNumbers: Expected("ok"),
    NotFinite: Expected("ok"),
    ShortScores: Expected("error"),
    ObjectScores: Expected("error"),
    ChangesFolder: Expected("ok"),
    ClearsEnvironment: Expected("ok"),
    ClosesStreams: Expected("ok"),
    ClosesDescriptors: Expected("ok"),
    SetsAlarm: Expected("ok"),
    HandlesSignals: Expected("ok"),
    LowersLimits: Expected("ok"),
    RaisesWarnings: Expected("ok"),
    TorchDouble: Expected("ok"),
    TorchSettings: Expected("ok"),
    SeedsAll: Expected("ok"),
    BreaksImports: Expected("ok"),
    PatchesNumpy: Expected("ok"),
    PatchesPackage: Expected("ok"),
    ChangesPython: Expected("ok"),
    PatchesLibraries: Expected("ok"),
    TorchModes: Expected("ok"),
    OtherGenerator: Expected("ok"),
    BreaksLogging: Expected("ok"),
    OrdersTheEnd: Expected("ok"),
    SignalsHeldOff: Expected("ok", here=False),  # other threads get its signals
    LeavesFilesOpen: Expected("ok"),
    LeavesThread: Expected("ok"),
    LeavesChild: Expected("ok"),
    LeavesMemory: Expected("ok"),
    ForksAndReturns: Expected("ok"),
    Exits: Expected("error", here=False),
    ExitsWithoutError: Expected("error", here=False),
    Segfaults: Expected("error", here=False),
    ExitsLater: Expected("ok", here=False),
    ForksAndDies: Expected("error", here=False),
    KillsParent: Expected("error", here=False),
    SignalsParent: Expected("ok", here=False),
    StopsParent: Expected("timeout", here=False),
    Sleeps: Expected("timeout", here=False),
    Stops: Expected("timeout", here=False),
    HoldsInterpreter: Expected("timeout", here=False),
    WaitsForChild: Expected("timeout", here=False),
    Allocates: Expected("oom", here=False),
    ChildHoards: Expected("oom", here=False),
}
