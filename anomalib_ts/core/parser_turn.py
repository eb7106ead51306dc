"""A turn at Python's parser, which threads must not use at the same time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_turn = threading.RLock()


@contextmanager
def parser_turn() -> Iterator[None]:
    """Hold this while `ast` parses text, as NumPy has it do with the header of each NPY file.

    Before Python 3.11.8 the parser counts its depth for all threads together, so that two which
    parse at once may end in a SystemError (CPython issue 106905).
    """
    with _turn:
        yield


def _start_afresh() -> None:
    """A forked process does not have the thread that held the turn."""
    global _turn  # noqa: PLW0603
    _turn = threading.RLock()


os.register_at_fork(after_in_child=_start_afresh)
