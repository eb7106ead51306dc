"""Units in a process of their own: a crash, a leak or an endless loop ends as a recorded status.

The process stays warm: it pays for its imports once and takes one unit after the other, until a
unit kills it or has to be killed.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from anomalib_ts.console import log_to_terminal
from anomalib_ts.errors import AnomalibTsError, ConfigError
from anomalib_ts.evaluation import Evaluation
from anomalib_ts.execute import Outcome, execute
from anomalib_ts.results.record import Record, Status, Unit
from anomalib_ts.trust import check_all_origins, trust_parent

LOOK_EVERY = 0.05
"""Seconds between two looks at a unit's memory and clock."""


@dataclass(frozen=True)
class Limits:
    """What one unit may use; the unit is stopped when it uses more.

    Attributes:
        seconds: wall clock, loading the data included.
        memory_mb: resident memory of the process (10^6 bytes), some 400 MB of it for the imports.
    """

    seconds: float | None = None
    memory_mb: float | None = None

    def __post_init__(self) -> None:
        for name in ("seconds", "memory_mb"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError(f"limits.{name} must be above 0, not {value}")


class Worker:
    """A child process that executes units.

    It is started as a command rather than with `multiprocessing`, whose start methods clash with
    those of the launchers (joblib's loky) that run jobs.

    Raises:
        AnomalibTsError: the process does not start.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        self._connection = Connection(ours.detach())
        try:
            self._connection.recv()
        except (EOFError, ConnectionResetError):
            status = self._process.wait()
            raise AnomalibTsError(f"the process for units ended at once ({status})") from None

    def execute(self, unit: Unit, evaluation: Evaluation, threads: int, limits: Limits) -> Outcome:
        """Execute one unit within its limits, whatever it does.

        Raises:
            ConfigError: a setting is out of range.
        """
        answer = self._ask((unit, evaluation, threads), limits)
        if isinstance(answer, ConfigError):
            raise answer
        return answer

    def alive(self) -> bool:
        """Whether it can take another unit."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()
        self._connection.close()

    def _ask(self, task: tuple[Unit, Evaluation, int], limits: Limits) -> Outcome | ConfigError:
        unit = task[0]
        start = time.monotonic()
        try:
            self._connection.send(task)
            while not self._connection.poll(LOOK_EVERY):
                if limits.seconds is not None and time.monotonic() - start > limits.seconds:
                    self.stop()
                    return _stopped(unit, "timeout", f"stopped after {limits.seconds:g} s")
                used = _resident_mb(self._process.pid)
                if limits.memory_mb is not None and used > limits.memory_mb:
                    self.stop()
                    why = f"stopped at {used:.0f} MB, above the limit of {limits.memory_mb:g} MB"
                    return _stopped(unit, "oom", why)
            answer: Outcome | ConfigError = self._connection.recv()
            return answer
        except (EOFError, ConnectionError):
            return _stopped(unit, *_cause(self._process.wait()))
        except BaseException:
            self.stop()
            raise


_worker: Worker | None = None


def execute_isolated(unit: Unit, evaluation: Evaluation, threads: int, limits: Limits) -> Outcome:
    """Execute a unit in this process's worker, which is started when it is missing.

    Raises:
        ConfigError: a setting is out of range, or a `_target_` may not be imported (see `trust`).
    """
    global _worker  # noqa: PLW0603
    check_all_origins(  # the worker takes our word for it
        {
            "detector": unit.detector_settings,
            "data": unit.data_settings,
            "protocol": unit.protocol_settings,
            "threshold": unit.threshold,
        },
        unit.case,
    )
    if _worker is None or not _worker.alive():
        _worker = Worker()
        atexit.register(_worker.stop)
    return _worker.execute(unit, evaluation, threads, limits)


def _serve(connection: Connection, parent: int) -> None:
    """What the child does: execute units until the parent is gone."""
    _die_with(parent)
    trust_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    connection.send("ready")
    while True:
        try:
            unit, evaluation, threads = connection.recv()
        except EOFError:
            return
        answer: Outcome | ConfigError
        try:
            answer = execute(unit, evaluation, threads)
        except ConfigError as error:
            answer = error
        connection.send(answer)


def _die_with(parent: int) -> None:
    """Ask Linux to end this process with its parent, so that no orphan goes on computing."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _cause(exit_code: int) -> tuple[Status, str]:
    if exit_code == -signal.SIGKILL:
        return "oom", "the process was killed, most likely by the system for want of memory"
    if exit_code < 0:
        return "error", f"the process died of {signal.Signals(-exit_code).name}"
    return "error", f"the process ended itself with exit status {exit_code}"


def _stopped(unit: Unit, status: Status, why: str) -> Outcome:
    return Outcome(Record(unit, status, error={"type": status, "message": why, "traceback": ""}))


def _resident_mb(pid: int | None) -> float:
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0


if __name__ == "__main__":
    log_to_terminal()
    _serve(Connection(int(sys.argv[1])), parent=int(sys.argv[2]))
