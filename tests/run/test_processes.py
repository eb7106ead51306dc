"""A process and all it started are found, measured and ended as one."""

import os
import subprocess
import sys
import time

import pytest

from anomalib_ts.run.processes import descendants, kill_descendants, resident_mb

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")

FAMILY = """
import os, sys, time
from anomalib_ts.run.processes import adopt_orphans
adopt_orphans()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        hoard = bytearray(150_000_000)
        hoard[::4096] = b"x" * len(hoard[::4096])
        print("ready", flush=True)
        time.sleep(60)
    os._exit(0)
time.sleep(60)
"""


@pytest.fixture
def parent():
    """A process whose grandchild left its session, and whose child has ended."""
    process = subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    yield process.pid
    kill_descendants(process.pid)
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_daemon_is_found_measured_and_ended(parent):
    deadline = time.monotonic() + 30
    while len(family := descendants(parent)) != 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert 150 < resident_mb(family) < 250
    assert 150 < resident_mb([parent, *family]) < 300
    kill_descendants(parent)
    assert descendants(parent) == []


def test_memory_that_two_share_is_counted_once():
    hoard = b"x" * 300_000_000
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    try:
        both = resident_mb([os.getpid(), child])
        assert len(hoard) / 1e6 < both < resident_mb([os.getpid()]) + 150
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def test_a_process_that_is_gone_has_nothing():
    child = subprocess.Popen(["true"])
    child.wait()
    assert descendants(child.pid) == []
    assert resident_mb([child.pid]) == 0.0
