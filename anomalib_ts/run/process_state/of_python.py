"""State of the interpreter and its library: logging, warnings, random numbers, collection."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import operator
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from anomalib_ts.run.process_state.item import Item, lost


def of_python() -> Iterator[Item]:
    """What units share in the interpreter."""
    yield Item("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit)
    yield Item("switch interval", sys.getswitchinterval, sys.setswitchinterval)
    yield Item("longest number text", sys.get_int_max_str_digits, sys.set_int_max_str_digits)
    yield Item("trace function", sys.gettrace, sys.settrace)
    yield Item("profile function", sys.getprofile, sys.setprofile)
    yield Item("garbage collection", _collection, _set_collection)
    yield _list_item("calls at garbage collection", gc.callbacks)
    yield Item("debugging of garbage collection", gc.get_debug, gc.set_debug)
    yield Item("stack size of threads", threading.stack_size, threading.stack_size)
    yield Item("trace function of threads", threading.gettrace, threading.settrace)
    yield Item("profile function of threads", threading.getprofile, threading.setprofile)
    yield Item(
        "start method of processes",
        lambda: multiprocessing.get_start_method(allow_none=True),
        lambda value: multiprocessing.set_start_method(value, force=True),
    )
    yield _list_item("sys.path", sys.path)
    for name in ("meta_path", "path_hooks"):  # libraries add theirs at the end
        yield _list_item(f"sys.{name}", getattr(sys, name), _lost_head)
    for name in ("excepthook", "displayhook", "unraisablehook", "breakpointhook"):
        yield _attribute(sys, name)
    yield _attribute(threading, "excepthook")
    yield Item("modules", lambda: dict(sys.modules), sys.modules.update, lost)
    yield Item("warning filters", lambda: list(warnings.filters), _set_filters)
    yield _attribute(warnings, "showwarning")
    yield _attribute(logging.root.manager, "disable")
    yield _attribute(logging, "raiseExceptions")
    yield Item("log records", logging.getLogRecordFactory, logging.setLogRecordFactory)
    yield Item("class of loggers", logging.getLoggerClass, logging.setLoggerClass)
    for logger in _loggers():
        yield Item(f"level of {logger.name}", partial(getattr, logger, "level"), logger.setLevel)
        yield _list_item(f"log filters of {logger.name}", logger.filters)
        yield _list_item(f"log handlers of {logger.name}", logger.handlers)
        yield _attribute(logger, "propagate")
        yield _attribute(logger, "disabled")
    yield Item("random state of Python", random.getstate, random.setstate)


def _loggers() -> list[logging.Logger]:
    """The root's and this package's, whose messages are what a user sees."""
    found = list(logging.root.manager.loggerDict.items())
    ours = [x for name, x in found if name.partition(".")[0] == __name__.partition(".")[0]]
    return [logging.root, *(x for x in ours if isinstance(x, logging.Logger))]


def _list_item(
    name: str, items: list[Any], differs: Callable[[Any, Any], bool] = operator.ne
) -> Item:
    def put_back(before: list[Any]) -> None:
        items[:] = before

    return Item(name, lambda: list(items), put_back, differs)


def _lost_head(before: list[Any], after: list[Any]) -> bool:
    return after[: len(before)] != before


def _attribute(owner: Any, name: str) -> Item:
    where = getattr(owner, "__name__", type(owner).__name__)
    return Item(
        f"{where}.{name}",
        lambda: getattr(owner, name),
        lambda value: setattr(owner, name, value),
    )


def _collection() -> tuple[bool, tuple[int, int, int]]:
    return gc.isenabled(), gc.get_threshold()


def _set_collection(before: tuple[bool, tuple[int, int, int]]) -> None:
    gc.set_threshold(*before[1])
    (gc.enable if before[0] else gc.disable)()


def _set_filters(before: list[Any]) -> None:
    warnings.resetwarnings()  # which tells those who remember what was shown
    filters: Any = warnings.filters
    filters[:] = before
