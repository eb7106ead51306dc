"""What is set apart while a unit runs: Ctrl-C, the watchdog, descriptors, streams."""

from __future__ import annotations

import faulthandler
import fcntl
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

log = logging.getLogger(__name__)


_SAVED_FROM = 600  # duplicates of descriptors lie here and above, where `closerange` rarely reaches
_MOST_SAVED = 256
_FEW_DESCRIPTORS = 4096  # looked at one by one where no folder lists them
_STREAMS = ("stdin", "stdout", "stderr")
_MANY_DESCRIPTORS = 64  # that a unit leaves open: no library of ours keeps so many


@contextmanager
def ctrl_c() -> Iterator[threading.Event]:
    """Tell Ctrl-C from a KeyboardInterrupt that a detector raises: only the first is a signal."""
    pressed = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if not main or not callable(before):
        yield pressed
        return
    handle = before

    def noted(number: int, frame: FrameType | None) -> Any:
        pressed.set()
        return handle(number, frame)

    signal.signal(signal.SIGINT, noted)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def watchdog() -> Iterator[None]:
    """Call off a dump of all stacks that was ordered for later, and may end the process then."""
    order, ordered = faulthandler.dump_traceback_later, threading.Event()

    def noted(*arguments: Any, **settings: Any) -> None:
        order(*arguments, **settings)
        ordered.set()

    faulthandler.dump_traceback_later = noted
    try:
        yield
    finally:
        faulthandler.dump_traceback_later = order
        if ordered.is_set():
            faulthandler.cancel_dump_traceback_later()


@contextmanager
def descriptors() -> Iterator[None]:
    """Keep open files open: duplicates are taken, and laid back over what was closed or replaced.

    A lock on a file lasts while any duplicate is open. Those that were opened stay open, since a
    library may keep some for later; unless they are so many that the next unit would find none.
    """
    saved: dict[int, int] = {}
    before = _open_descriptors()
    for number in before[:_MOST_SAVED]:
        with suppress(OSError):
            saved[number] = _duplicate(number)
    blocking = {number: os.get_blocking(number) for number in saved}
    try:
        yield
    finally:
        _close_many(set(_open_descriptors()) - {*before, *saved.values()})
        for number, copied in saved.items():
            with suppress(OSError):
                if not _same_file(number, copied):
                    os.dup2(copied, number, inheritable=number <= 2)
                os.set_blocking(number, blocking[number])
            with suppress(OSError):
                os.close(copied)


def _close_many(opened: set[int]) -> None:
    if len(opened) > _MANY_DESCRIPTORS:
        log.warning("a detector left %d files open; they are closed", len(opened))
        for number in opened:
            with suppress(OSError):
                os.close(number)


def _open_descriptors() -> list[int]:
    """Those below the limit, which may be high; a folder that lists them needs one to be free."""
    folder = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
    with suppress(OSError):
        return sorted(int(name.name) for name in Path(folder).iterdir() if name.name.isdigit())
    return [number for number in range(_FEW_DESCRIPTORS) if _is_open(number)]


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _duplicate(number: int) -> int:
    try:
        return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _SAVED_FROM)
    except OSError:
        return os.dup(number)


def _same_file(one: int, other: int) -> bool:
    try:
        return os.path.sameopenfile(one, other)
    except OSError:
        return False


@contextmanager
def streams() -> Iterator[None]:
    """Keep `sys.stdout` and its like; those that were closed all the same are opened again."""
    before = {name: getattr(sys, name) for name in _STREAMS}
    settings = {name: _settings(stream) for name, stream in before.items()}
    for name, stream in before.items():
        if stream is not None:
            setattr(sys, name, _Shielded(stream))
    try:
        yield
    finally:
        for number, (name, stream) in enumerate(before.items()):
            if stream is None or _usable(stream):
                setattr(sys, name, stream)
                if _settings(stream) != settings[name]:
                    stream.reconfigure(**settings[name])
                continue
            with suppress(OSError):
                mode = "r" if name == "stdin" else "w"
                opened = open(number, mode, closefd=False, **settings[name])  # noqa: SIM115
                setattr(sys, name, opened)
                if getattr(sys, f"__{name}__") is stream:
                    setattr(sys, f"__{name}__", opened)


class _Shielded:
    """A stream that cannot be closed, which may be a notebook's or a test's own."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._stream, name)
        return _Shielded(value) if name in ("buffer", "raw") else value

    def __iter__(self) -> Iterator[Any]:
        return iter(self._stream)

    def close(self) -> None:
        """Leave it open."""

    def detach(self) -> Any:
        """Keep what is below it."""
        return self.buffer if hasattr(self._stream, "buffer") else self.raw


def _settings(stream: Any) -> dict[str, Any]:
    try:
        return {"encoding": stream.encoding, "errors": stream.errors}
    except (AttributeError, ValueError):
        return {}


def _usable(stream: Any) -> bool:
    try:
        return not stream.closed
    except (AttributeError, ValueError):  # it has no such state, or was detached
        return not hasattr(stream, "detach")
