"""A process and everything it has started: found, measured and ended as one (Linux).

Elsewhere nothing is found; a process group is what can be ended there.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_ROUNDS = 200  # looks at 10 ms until all have ended


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that none gets lost."""
    _prctl(_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """Ask the system to kill this process when the thread that started it ends."""
    _prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def descendants(pid: int) -> list[int]:
    """Children of a process, their children and so on; without those that have ended."""
    return [child for child in _all_descendants(pid) if _lives(child)]


def kill_descendants(pid: int) -> None:
    """End all descendants of a process, and wait until they have ended."""
    for _ in range(_ROUNDS):
        living = descendants(pid)
        if not living:
            return
        for child in living:
            with suppress(OSError):
                os.kill(child, signal.SIGKILL)
        time.sleep(0.01)


def resident_mb(pids: Sequence[int]) -> float:
    """Resident memory of processes in MB (10^6 bytes); what several share is counted once."""
    if len(pids) == 1:
        return _resident_mb(pids[0])
    return sum(_shared_mb(pid) for pid in pids)


def _resident_mb(pid: int) -> float:
    with suppress(OSError, ValueError, IndexError):
        pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0


def _shared_mb(pid: int) -> float:
    """A process's part of what it shares, and all that it has for itself."""
    with suppress(OSError, ValueError, IndexError):
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1]) / 1e6
    return _resident_mb(pid)


def _all_descendants(pid: int) -> Iterator[int]:
    for child in _children(pid):
        yield child
        yield from _all_descendants(child)


def _children(pid: int) -> list[int]:
    threads = _PROC / str(pid) / "task"
    found: list[int] = []
    with suppress(OSError, ValueError):
        for thread in threads.iterdir():
            found += map(int, (thread / "children").read_text().split())
        return found
    return [child for child, parent in _parents() if parent == pid]


def _parents() -> Iterator[tuple[int, int]]:
    """Every process and its parent, for kernels that do not list children."""
    for folder in _PROC.glob("[0-9]*"):
        if fields := _state(int(folder.name)):
            yield int(folder.name), int(fields[1])


def _lives(pid: int) -> bool:
    fields = _state(pid)
    return bool(fields) and fields[0] not in "ZX"


def _state(pid: int) -> list[str]:
    """State letter, parent and so on; empty if there is no such process."""
    with suppress(OSError):
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
        return text.rpartition(")")[2].split()
    return []


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value)
