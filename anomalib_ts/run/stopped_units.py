"""What becomes a status: a time limit, a memory limit, a process that died."""

from __future__ import annotations

import signal
from contextlib import suppress

from anomalib_ts.results.record import Status
from anomalib_ts.run import unit_server
from anomalib_ts.run.limits import Limits
from anomalib_ts.run.task import Answer, failed


def beyond(limits: Limits, seconds: float, used_mb: float) -> Answer | None:
    """Why a unit has to be stopped; None if it has not."""
    if limits.seconds is not None and seconds > limits.seconds:
        return failed("timeout", f"stopped after {limits.seconds:g} s")
    if limits.memory_mb is not None and used_mb > limits.memory_mb:
        why = f"stopped at {used_mb:.0f} MB, above the limit of {limits.memory_mb:g} MB"
        return failed("oom", why)
    return None


def cause_of(exit_code: int) -> tuple[Status, str]:
    """Status and message of a unit whose process ended so without an answer."""
    if exit_code == -signal.SIGKILL:
        return "oom", "the process was killed, most likely by the system for want of memory"
    if exit_code < 0:
        return "error", f"the process died of {_signal_name(-exit_code)}"
    if exit_code == unit_server.NO_ANSWER:
        return "error", "the process could not hand over its result: the detector cut it off"
    return "error", f"the process ended itself with exit status {exit_code}"


def _signal_name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
