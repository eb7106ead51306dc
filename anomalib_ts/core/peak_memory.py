"""Peak memory of a stretch of code, as the operating system counts it."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


class PeakMemory:
    """Largest resident set of this process in MB (10^6 bytes) since the block was entered."""

    megabytes: float = 0.0


@contextmanager
def peak_memory() -> Iterator[PeakMemory]:
    """Measure the peak while the block runs; `megabytes` is filled in when it ends.

    Linux can restart the count; elsewhere it is the peak since the process started.
    """
    with suppress(OSError):
        _RESET.write_text("5")
    peak = PeakMemory()
    try:
        yield peak
    finally:
        peak.megabytes = _high_water_mark() / 1e6


def _high_water_mark() -> float:
    with suppress(BaseException):  # a detector may have patched what this is read with
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024.0 * int(line.split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return float(unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
