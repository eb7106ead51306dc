"""Arrays in an unlinked file that two processes map, so that nothing large is copied or sent.

The file has no name: it is gone when the last process that has it open is gone, however it ends.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import tempfile
from collections.abc import Sequence
from typing import IO, Any, TypeAlias

import numpy as np

_ALIGNMENT = 64

Stretch: TypeAlias = tuple[int, int]
"""Where an array's bytes lie in the file: begin and number."""


class MappedFile:
    """Objects whose arrays lie in a file.

    Args:
        content: any object that can be pickled.

    Attributes:
        content: an equal object; its arrays are read-only views of the file.
        file: the file.
    """

    def __init__(self, content: Any) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile(prefix="anomalib-ts-")  # noqa: SIM115
        stretches: list[Stretch] = []
        body = pickle.dumps(content, 5, buffer_callback=lambda b: stretches.append(self._write(b)))
        self._write(b"\0")  # an empty file cannot be mapped
        self.file.flush()
        self._map = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ)
        self._begin = _address(self._map)
        self.content = pickle.loads(body, buffers=_views(self._map, stretches))

    def dump(self, content: Any, file: IO[bytes]) -> None:
        """Write an object for `load`; of arrays that lie in this file only where they lie."""
        stretches: list[Stretch] = []

        def is_elsewhere(buffer: pickle.PickleBuffer) -> bool:
            begin = _address(buffer.raw()) - self._begin
            size = buffer.raw().nbytes
            inside = size > 0 and begin >= 0 and begin + size <= len(self._map)
            if inside:
                stretches.append((begin, size))
            return not inside

        body = pickle.dumps(content, 5, buffer_callback=is_elsewhere)
        pickle.dump((stretches, body), file)
        file.flush()

    def _write(self, buffer: Any) -> Stretch:
        raw = buffer.raw() if isinstance(buffer, pickle.PickleBuffer) else buffer
        begin = -(-self.file.tell() // _ALIGNMENT) * _ALIGNMENT
        self.file.seek(begin)
        return begin, self.file.write(raw)


def load(file: IO[bytes], shared: int) -> Any:
    """Read what `MappedFile.dump` wrote.

    Args:
        file: what it was written to.
        shared: descriptor of `MappedFile.file`. It is mapped copy-on-write: whoever writes to it
            in spite of the arrays being read-only changes nothing for anybody else.
    """
    stretches, body = pickle.load(file)
    mapped = mmap.mmap(shared, 0, access=mmap.ACCESS_COPY)
    return pickle.loads(body, buffers=_views(mapped, stretches))


def _views(mapped: mmap.mmap, stretches: Sequence[Stretch]) -> list[memoryview]:
    whole = memoryview(mapped).toreadonly()
    return [whole[begin : begin + size] for begin, size in stretches]


def _address(memory: Any) -> int:
    return int(np.frombuffer(memory, np.uint8).__array_interface__["data"][0])


def scratch_file() -> IO[bytes]:
    """An unlinked file, unbuffered, for one exchange between two processes."""
    return tempfile.TemporaryFile(prefix="anomalib-ts-", buffering=0)


def reopened(descriptor: int) -> IO[bytes]:
    """A received descriptor as a file, from its beginning."""
    os.lseek(descriptor, 0, io.SEEK_SET)
    return os.fdopen(descriptor, "r+b")
