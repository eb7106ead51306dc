"""State of the operating system's process: folder, environment, signals, limits."""

from __future__ import annotations

import locale
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from anomalib_ts.run.process_state.item import Item


def of_process() -> Iterator[Item]:
    """What units share in the eyes of the operating system."""
    yield Item("working folder", os.getcwd, os.chdir)
    yield Item("umask", _umask, os.umask)
    yield Item("environment", lambda: dict(os.environ), _set_environment)
    yield Item("resource limits", limits, set_limits)
    yield Item("priority", lambda: os.getpriority(os.PRIO_PROCESS, 0), _set_priority)
    if sys.platform == "linux":
        affinity: Any = os.sched_getaffinity
        yield Item("CPUs", lambda: affinity(0), lambda cpus: os.sched_setaffinity(0, cpus))
    yield _locale()
    yield Item("signal mask", lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()), _unmask)
    if threading.current_thread() is threading.main_thread():
        yield Item("alarms", _alarms, _stop_alarms)
        yield Item("signal handlers", _handlers, _set_handlers)
    yield Item("time limit of sockets", socket.getdefaulttimeout, socket.setdefaulttimeout)


def _unmask(before: set[signal.Signals]) -> None:
    """Receive again what was held off; what a detector has sent itself meanwhile is dropped."""
    waiting = signal.sigpending() - before - {signal.SIGINT}
    while waiting and signal.sigtimedwait(waiting, 0):
        pass
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _locale() -> Item:
    return Item(
        "locale",
        lambda: locale.setlocale(locale.LC_ALL),
        lambda value: locale.setlocale(locale.LC_ALL, value),
    )


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _set_environment(before: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)
    time.tzset()


def limits() -> dict[int, tuple[int, int]]:
    """What the system lets this process use, by kind: soft and hard limit."""
    kinds = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
    return {kind: resource.getrlimit(kind) for kind in kinds}


def set_limits(before: Mapping[int, tuple[int, int]]) -> None:
    """Set limits that `limits` gave.

    Raises:
        ValueError: a hard limit was lowered, which is for good.
    """
    for kind, both in before.items():
        if resource.getrlimit(kind) != both:
            resource.setrlimit(kind, both)


def _set_priority(before: int) -> None:
    os.setpriority(os.PRIO_PROCESS, 0, before)


def _alarms() -> list[bool]:
    timers = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
    return [signal.getitimer(timer)[0] > 0 for timer in timers]


def _stop_alarms(before: list[bool]) -> None:
    timers = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
    for timer, ran in zip(timers, before, strict=True):
        if not ran:
            signal.setitimer(timer, 0)


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def _set_handlers(before: Mapping[int, Any]) -> None:
    for number, handler in before.items():
        if handler is not None and signal.getsignal(number) != handler:
            signal.signal(number, handler)
