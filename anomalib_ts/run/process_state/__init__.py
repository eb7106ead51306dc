"""What the units of one process share, kept as it was while a detector runs.

A detector is somebody else's program: it may change the working folder, close standard output,
set an alarm, patch NumPy or leave torch in double precision. `preserved` compares all of that,
item by item, with what it was before, and puts back what differs. It cannot end threads, give
memory back or undo a crash; a process of its own for each unit (`anomalib_ts.run.isolation`) can.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from anomalib_ts.run.process_state.guards import ctrl_c, descriptors, streams, watchdog
from anomalib_ts.run.process_state.item import differs, put_back, read
from anomalib_ts.run.process_state.of_modules import of_modules
from anomalib_ts.run.process_state.of_numeric import of_numeric
from anomalib_ts.run.process_state.of_process import of_process
from anomalib_ts.run.process_state.of_python import of_python
from anomalib_ts.run.process_state.of_torch import of_torch

log = logging.getLogger(__name__)


@contextmanager
def preserved() -> Iterator[None]:
    """Keep what units share as it was before the block, whatever the block does.

    Raises:
        KeyboardInterrupt: the user pressed Ctrl-C inside the block, which may have swallowed it.
    """
    with ctrl_c() as pressed, watchdog(), descriptors(), streams():
        items = [item for make in _ITEMS for item in make()]
        before = [read(item) for item in items]
        try:
            yield
        finally:
            told = [
                put_back(item, value)
                for item, value in zip(items, before, strict=True)
                if differs(item, value)
            ]
            for level, text in told:  # only now, since logging is among what is put back
                log.log(level, text)
    if pressed.is_set():
        raise KeyboardInterrupt


_ITEMS = (of_modules, of_process, of_python, of_numeric, of_torch)
