"""The process that units are forked from: all imports done, and nothing else ever done in it.

Each unit gets a process of its own that starts out the same, whatever the units before it did.
Everything a unit leaves behind (children, daemons) falls to this process, which ends it.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from anomalib_ts.core.console import log_to_terminal
from anomalib_ts.run import mapped
from anomalib_ts.run.answer_file import write_answer
from anomalib_ts.run.process_state.of_process import limits, set_limits
from anomalib_ts.run.processes import adopt_orphans, die_with_parent, kill_descendants
from anomalib_ts.run.task import work
from anomalib_ts.settings.trust import trust_parent

log = logging.getLogger(__name__)

UNIT, STOP = b"U", b"S"
"""What is asked for: a unit, with descriptors of task, answer and shared data; the unit's end."""

NO_ANSWER = 70
"""Exit status of a unit that could not write its answer."""

_LOOK_FOR_PARENT = 1.0  # seconds
_WITHOUT_PIDFD = 0.02
_PRIVATE_FROM = 700  # where `closerange` rarely reaches


def serve(connection: socket.socket, parent: int) -> None:
    """Run units until the parent is gone or wants no more.

    Args:
        connection: to the parent. For each unit a line of JSON is sent when it starts (`pid`) and
            one when it and all it started have ended (`exit`, as `subprocess` counts).
        parent: its process id.
    """
    adopt_orphans()
    connection.settimeout(_LOOK_FOR_PARENT)
    _say(connection, ready=True)
    while os.getppid() == parent:
        try:
            asked, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
        except TimeoutError:
            continue
        if not asked:
            return
        if asked == UNIT:
            _run_unit(connection, parent, descriptors)


def _run_unit(connection: socket.socket, parent: int, descriptors: list[int]) -> None:
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        _be_unit(connection, server, *descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    _say(connection, pid=pid)
    status = _wait(pid, connection, parent)
    kill_descendants(server)
    _reap()
    _say(connection, exit=os.waitstatus_to_exitcode(status))


def _wait(pid: int, connection: socket.socket, parent: int) -> int:
    """Wait for a unit to end; it is ended when the parent asks for that or is gone."""
    looks = select.poll()
    looks.register(connection, select.POLLIN)
    pidfd = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    if pidfd is not None:
        looks.register(pidfd, select.POLLIN)
    try:
        while True:
            ready = looks.poll(1000 * (_WITHOUT_PIDFD if pidfd is None else _LOOK_FOR_PARENT))
            gone = os.getppid() != parent
            if gone or any(descriptor == connection.fileno() for descriptor, _ in ready):
                _end(pid)
                if gone or not connection.recv(1):
                    os._exit(0)
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return status
    finally:
        if pidfd is not None:
            os.close(pidfd)


def _end(pid: int) -> None:
    with suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    kill_descendants(os.getpid())


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _be_unit(
    connection: socket.socket, server: int, task: int, answer: int, shared: int
) -> NoReturn:
    """What the forked process does: one unit, in a session of its own."""
    try:
        connection.close()
        os.setsid()
        die_with_parent(server)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        private = _out_of_reach(answer)
        with mapped.reopened(task) as file:
            todo = mapped.load(file, shared)
        os.close(shared)
        usual = limits()
        result = work(todo)
        with suppress(OSError, ValueError):
            set_limits(usual)
        with os.fdopen(private, "wb") as file:
            write_answer(result, file)
        os._exit(0)
    except BaseException:
        os._exit(NO_ANSWER)


def _out_of_reach(descriptor: int) -> int:
    with suppress(OSError):
        os.dup2(descriptor, _PRIVATE_FROM, inheritable=False)
        os.close(descriptor)
        return _PRIVATE_FROM
    return descriptor


def _say(connection: socket.socket, **what: object) -> None:
    connection.sendall(json.dumps(what).encode() + b"\n")


def _import_detectors() -> None:
    """Import what the detectors of this package need, so that no unit has to."""
    detectors = import_module("anomalib_ts.detectors")
    for name in detectors.__all__:
        try:
            getattr(detectors, name)
        except Exception as error:  # whoever needs it will see
            log.debug("%s cannot be imported: %s", name, error)
    gc.collect()
    gc.freeze()  # what units share stays unwritten, and so shared


def main() -> None:
    """Serve the process that started this one."""
    log_to_terminal()
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    trust_parent()
    _import_detectors()
    serve(connection, parent=int(sys.argv[2]))


if __name__ == "__main__":
    main()
