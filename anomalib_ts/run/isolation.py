"""Units in a process of their own: a crash, a leak or an endless loop ends as a recorded status.

A server process (`anomalib_ts.run.unit_server`) pays for the imports once and is forked for each
unit, so that no unit finds anything that another one left. Data reaches the unit through a mapped
file, without names and labels; judging happens in this process.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from anomalib_ts.data.base import Case
from anomalib_ts.errors import AnomalibTsError
from anomalib_ts.evaluation.judge import Evaluation
from anomalib_ts.results.unit_key import Unit
from anomalib_ts.run import unit_server
from anomalib_ts.run.answer_file import read_answer
from anomalib_ts.run.kept_answers import KeptAnswers
from anomalib_ts.run.limits import Limits
from anomalib_ts.run.mapped import MappedFile, scratch_file
from anomalib_ts.run.processes import descendants, kill_descendants, resident_mb
from anomalib_ts.run.stopped_units import beyond, cause_of
from anomalib_ts.run.task import Answer, Task, failed
from anomalib_ts.run.unit import Outcome, execute_with, load_case

LOOK_EVERY = 0.05
"""Seconds between two looks at a unit's memory and clock."""

_PATIENCE = 10.0  # seconds that a server may take to end a unit
_LONGEST_LINE = 4096


def execute_isolated(
    unit: Unit,
    evaluation: Evaluation,
    threads: int,
    limits: Limits,
    kept: KeptAnswers | None = None,
    *,
    blame: bool = True,
) -> Outcome:
    """Execute a unit in a process of its own, whatever it does. Threads take turns.

    Of several fits (`protocol=folds`) each has its own process, and may use as much as one unit.

    Raises:
        ConfigError: settings make no object, which is no property of the case.
        AnomalibTsError: no process can be started.
    """
    with _turn:
        return execute_with(
            lambda task: _work(task, limits),
            _case_loader,
            unit,
            evaluation,
            threads,
            kept=kept,
            blame=blame,
        )


class Worker:
    """A server process with its units.

    It is started as a command rather than with `multiprocessing`, whose start methods clash with
    those of the launchers (joblib's loky) that run jobs. It has a session of its own, so Ctrl-C
    is this process's to handle. The working folder is not on its path unless it is on ours.

    Attributes:
        units: how many it has run.

    Raises:
        AnomalibTsError: the process does not start.
    """

    def __init__(self) -> None:
        self.units = 0
        self._unit: int | None = None  # process id of the unit at work
        self._connection, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", unit_server.__name__]
        # A unit knows that process as its parent, and can end it with SIGKILL only. Blocked here,
        # since libraries start threads with the mask that is there when they are imported.
        with theirs, _signals_blocked():
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=os.environ
                | {
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # else torch cannot be forked
                },
                start_new_session=True,
            )
        try:
            self._hear(None)
        except _LostError:
            status = self._process.wait()
            raise AnomalibTsError(f"the process for units ended at once ({status})") from None

    def alive(self) -> bool:
        """Whether it can take another unit."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process and its unit at once."""
        self._connection.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._kill()

    def forget(self) -> None:
        """Leave the process to the one that this process was forked from."""
        self._connection.close()

    def run(self, task: Task, shared: MappedFile, limits: Limits) -> Answer:
        """Have a task done within limits.

        Args:
            task: what to do.
            shared: where its arrays lie.
            limits: what it may use.

        Raises:
            _LostError: the server itself has ended.
        """
        self.units += 1
        with scratch_file() as asked, scratch_file() as told:
            shared.dump(task, asked)
            descriptors = [file.fileno() for file in (asked, told, shared.file)]
            try:
                with _terminal_kept():
                    self._send(unit_server.UNIT, descriptors)
                    stopped, exit_code, peak = self._watch(limits)
            except _LostError:
                self._kill()
                raise
            except BaseException:
                self.stop()
                raise
            answer = stopped or (read_answer(told, task) if exit_code == 0 else None)
        if answer is None:
            answer = failed(*cause_of(exit_code))
        return replace(answer, peak_memory_mb=max(peak, answer.peak_memory_mb or 0.0) or None)

    def _watch(self, limits: Limits) -> tuple[Answer | None, int, float]:
        """Wait for the unit's end: why it was stopped if it was, exit status, largest memory."""
        start, peak = time.monotonic(), 0.0
        self._unit = self._hear(None)["pid"]
        while True:
            if message := self._hear(LOOK_EVERY):
                return None, message["exit"], peak
            used = resident_mb(descendants(self._process.pid))
            peak = max(peak, used)
            stopped = beyond(limits, time.monotonic() - start, used)
            if stopped:
                self._send(unit_server.STOP)
                message = self._hear(_PATIENCE)
                if not message:
                    self._kill()
                return stopped, message.get("exit", -signal.SIGKILL), peak

    def _send(self, what: bytes, descriptors: list[int] | None = None) -> None:
        try:
            socket.send_fds(self._connection, [what], descriptors or [])
        except OSError:
            raise _LostError from None

    def _hear(self, seconds: float | None) -> dict[str, int]:
        """The server's next message; empty if there is none in time."""
        looks = select.poll()
        looks.register(self._connection, select.POLLIN)
        while not looks.poll(None if seconds is None else 1000 * seconds):
            if seconds is not None:
                # A process that was forked from the server may keep the connection open.
                if self._process.poll() is not None:
                    raise _LostError
                return {}
        line = b""
        try:
            while not line.endswith(b"\n") and len(line) < _LONGEST_LINE:
                line += (byte := self._connection.recv(1))
                if not byte:
                    raise _LostError
            message: dict[str, int] = json.loads(line)
        except (OSError, ValueError):
            raise _LostError from None
        return message

    def _kill(self) -> None:
        kill_descendants(self._process.pid)
        self._process.kill()
        self._process.wait()
        if self._unit is not None:
            with suppress(OSError):
                os.killpg(self._unit, signal.SIGKILL)
        self._connection.close()


class _LostError(Exception):
    """The server has ended."""


class _MappedLoader:
    """Loads cases into a mapped file, the last of which is kept for the next detector.

    Attributes:
        file: where the arrays of the case lie that was loaded last.
    """

    def __init__(self) -> None:
        self.file: MappedFile | None = None
        self._asked: tuple[str, str, str] | None = None

    def __call__(self, data_settings: str, case: str, fingerprint: str = "", /) -> Case:
        """The case, as `anomalib_ts.run.unit.load_case` gives it."""
        asked = (data_settings, case, fingerprint)
        if self.file is None or asked != self._asked:
            self.cache_clear()
            self.file = None  # two cases are not held at a time
            self.file = MappedFile(load_case.__wrapped__(*asked))
            self._asked = asked
        content: Case = self.file.content
        return content

    def cache_clear(self) -> None:
        """Load anew when asked again."""
        self._asked = None


_worker: Worker | None = None
_turn = threading.Lock()
_case_loader = _MappedLoader()


def _work(task: Task, limits: Limits) -> Answer:
    """Have a task done; once more if the server fell to something that an earlier unit left."""
    shared = _case_loader.file
    assert shared is not None
    while True:
        worker = _ready_worker()
        first = worker.units == 0
        try:
            return worker.run(task, shared, limits)
        except _LostError:
            if first:
                return failed("error", "the unit ended the process that units are started from")


def _ready_worker() -> Worker:
    """This process's worker, which is started when it is missing."""
    global _worker  # noqa: PLW0603
    if _worker is None or not _worker.alive():
        _worker = Worker()
    return _worker


def _stop_worker() -> None:
    if _worker is not None:
        _worker.stop()


def _start_afresh() -> None:
    """A forked process has neither the worker nor its turn."""
    global _worker, _turn
    if _worker is not None:
        _worker.forget()
    _worker, _turn = None, threading.Lock()


atexit.register(_stop_worker)
os.register_at_fork(after_in_child=_start_afresh)


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """Standard output and error are shared with the unit, and so is whether they block."""
    blocking = {}
    for descriptor in (1, 2):
        with suppress(OSError):
            blocking[descriptor] = os.get_blocking(descriptor)
    try:
        yield
    finally:
        for descriptor, blocks in blocking.items():
            with suppress(OSError):
                os.set_blocking(descriptor, blocks)


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """What this thread starts begins with every signal blocked, in all of its threads."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
