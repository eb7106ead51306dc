"""What the units of one process share, kept as it was while a detector runs.

A detector is somebody else's program: it may change the working folder, close standard output,
set an alarm, patch NumPy or leave torch in double precision. `preserved` compares all of that,
item by item, with what it was before, and puts back what differs. It cannot end threads, give
memory back or undo a crash; a process of its own for each unit (`anomalib_ts.isolation`) can.
"""

from __future__ import annotations

import faulthandler
import fcntl
import gc
import inspect
import locale
import logging
import multiprocessing
import operator
import os
import random
import resource
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from anomalib_ts.plain import plain_text

log = logging.getLogger(__name__)

_SAVED_FROM = 600  # duplicates of descriptors lie here and above, where `closerange` rarely reaches
_MOST_SAVED = 256
_FEW_DESCRIPTORS = 4096  # looked at one by one where no folder lists them
_MISSING = object()
_CUDNN = ("enabled", "benchmark", "deterministic")
_STREAMS = ("stdin", "stdout", "stderr")
_PATCHED_PACKAGES = (
    "filelock",
    "lightning_fabric",
    "numpy",
    "pandas",
    "pytorch_lightning",
    "scipy",
    "sklearn",
    "torch",
)
_PATCHED_CLASSES = (
    "filelock",
    "json",
    "logging",
    "pathlib",
    "sklearn.ensemble",
    "torch.nn.modules",
    "torch.optim",
    "zipfile",
)
_PUBLIC_DEPTH = 3
_MANY_DESCRIPTORS = 64  # that a unit leaves open: no library of ours keeps so many


@contextmanager
def preserved() -> Iterator[None]:
    """Keep what units share as it was before the block, whatever the block does.

    Raises:
        KeyboardInterrupt: the user pressed Ctrl-C inside the block, which may have swallowed it.
    """
    with _ctrl_c() as pressed, _watchdog(), _descriptors(), _streams():
        items = [item for make in _ITEMS for item in make()]
        before = [_read(item) for item in items]
        try:
            yield
        finally:
            told = [
                _put_back(item, value)
                for item, value in zip(items, before, strict=True)
                if _differs(item, value)
            ]
            for level, text in told:  # only now, since logging is among what is put back
                log.log(level, text)
    if pressed.is_set():
        raise KeyboardInterrupt


@dataclass(frozen=True)
class _Item:
    """Something that units share.

    Attributes:
        name: what messages call it.
        read: its value.
        put_back: sets it to a value that `read` gave.
        differs: whether a value from before and one from after are to be told apart.
    """

    name: str
    read: Callable[[], Any]
    put_back: Callable[[Any], object]
    differs: Callable[[Any, Any], bool] = operator.ne


class _Unknown:
    """A value that could not be read; equal to nothing."""


def _read(item: _Item) -> Any:
    try:
        return item.read()
    except BaseException:  # reading may run what a detector has put in its way
        return _Unknown()


def _differs(item: _Item, before: Any) -> bool:
    if isinstance(before, _Unknown):
        return False
    after = _read(item)
    try:
        return isinstance(after, _Unknown) or item.differs(before, after)
    except BaseException:
        return True


def _put_back(item: _Item, before: Any) -> tuple[int, str]:
    """Put a value back; the level and text of what is to be said about it."""
    try:
        item.put_back(before)
    except BaseException as error:
        why = plain_text(error)
        return logging.WARNING, f"a detector changed the {item.name}; it stays so: {why}"
    return logging.DEBUG, f"after a unit put back: {item.name}"


@contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
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
def _watchdog() -> Iterator[None]:
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
def _descriptors() -> Iterator[None]:
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
def _streams() -> Iterator[None]:
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


def _of_the_process() -> Iterator[_Item]:
    yield _Item("working folder", os.getcwd, os.chdir)
    yield _Item("umask", _umask, os.umask)
    yield _Item("environment", lambda: dict(os.environ), _set_environment)
    yield _Item("resource limits", limits, set_limits)
    yield _Item("priority", lambda: os.getpriority(os.PRIO_PROCESS, 0), _set_priority)
    if sys.platform == "linux":
        affinity: Any = os.sched_getaffinity
        yield _Item("CPUs", lambda: affinity(0), lambda cpus: os.sched_setaffinity(0, cpus))
    yield _locale()
    yield _Item("signal mask", lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()), _unmask)
    if threading.current_thread() is threading.main_thread():
        yield _Item("alarms", _alarms, _stop_alarms)
        yield _Item("signal handlers", _handlers, _set_handlers)
    yield _Item("time limit of sockets", socket.getdefaulttimeout, socket.setdefaulttimeout)


def _unmask(before: set[signal.Signals]) -> None:
    """Receive again what was held off; what a detector has sent itself meanwhile is dropped."""
    waiting = signal.sigpending() - before - {signal.SIGINT}
    while waiting and signal.sigtimedwait(waiting, 0):
        pass
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _locale() -> _Item:
    return _Item(
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


def _of_python() -> Iterator[_Item]:
    yield _Item("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit)
    yield _Item("switch interval", sys.getswitchinterval, sys.setswitchinterval)
    yield _Item("longest number text", sys.get_int_max_str_digits, sys.set_int_max_str_digits)
    yield _Item("trace function", sys.gettrace, sys.settrace)
    yield _Item("profile function", sys.getprofile, sys.setprofile)
    yield _Item("garbage collection", _collection, _set_collection)
    yield _list_item("calls at garbage collection", gc.callbacks)
    yield _Item("debugging of garbage collection", gc.get_debug, gc.set_debug)
    yield _Item("stack size of threads", threading.stack_size, threading.stack_size)
    yield _Item("trace function of threads", threading.gettrace, threading.settrace)
    yield _Item("profile function of threads", threading.getprofile, threading.setprofile)
    yield _Item(
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
    yield _Item("modules", lambda: dict(sys.modules), sys.modules.update, _lost)
    yield _Item("warning filters", lambda: list(warnings.filters), _set_filters)
    yield _attribute(warnings, "showwarning")
    yield _attribute(logging.root.manager, "disable")
    yield _attribute(logging, "raiseExceptions")
    yield _Item("log records", logging.getLogRecordFactory, logging.setLogRecordFactory)
    yield _Item("class of loggers", logging.getLoggerClass, logging.setLoggerClass)
    for logger in _loggers():
        yield _Item(f"level of {logger.name}", partial(getattr, logger, "level"), logger.setLevel)
        yield _list_item(f"log filters of {logger.name}", logger.filters)
        yield _list_item(f"log handlers of {logger.name}", logger.handlers)
        yield _attribute(logger, "propagate")
        yield _attribute(logger, "disabled")
    yield _Item("random state of Python", random.getstate, random.setstate)


def _loggers() -> list[logging.Logger]:
    """The root's and this package's, whose messages are what a user sees."""
    found = list(logging.root.manager.loggerDict.items())
    ours = [x for name, x in found if name.partition(".")[0] == __package__]
    return [logging.root, *(x for x in ours if isinstance(x, logging.Logger))]


def _list_item(
    name: str, items: list[Any], differs: Callable[[Any, Any], bool] = operator.ne
) -> _Item:
    def put_back(before: list[Any]) -> None:
        items[:] = before

    return _Item(name, lambda: list(items), put_back, differs)


def _lost_head(before: list[Any], after: list[Any]) -> bool:
    return after[: len(before)] != before


def _lost(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a name stands for something else now; names that came later are no difference."""
    return not _alike(before, after) and any(
        after.get(name, _MISSING) is not value for name, value in before.items()
    )


def _alike(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether nothing has changed, told fast; False leaves that open."""
    return len(before) == len(after) and all(map(operator.is_, before.values(), after.values()))


def _attribute(owner: Any, name: str) -> _Item:
    where = getattr(owner, "__name__", type(owner).__name__)
    return _Item(
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


def _of_the_numeric_libraries() -> Iterator[_Item]:
    yield _Item("NumPy's error state", np.geterr, lambda value: np.seterr(**value))
    yield _Item("NumPy's error function", np.geterrcall, np.seterrcall)
    generator: Any = np.random  # the global one
    yield _Item(
        "generator of NumPy",
        generator.get_bit_generator,
        generator.set_bit_generator,
        operator.is_not,
    )
    yield _Item(
        "random state of NumPy",
        lambda: generator.get_state(legacy=False),
        generator.set_state,
        lambda before, after: repr(before) != repr(after) or _words(before) != _words(after),
    )
    if "sklearn" in sys.modules:
        sklearn = sys.modules["sklearn"]
        yield _Item("scikit-learn's settings", sklearn.get_config, _set_sklearn)
    if "matplotlib" in sys.modules:
        settings = sys.modules["matplotlib"].rcParams
        yield _Item("Matplotlib's settings", settings.copy, settings.update)
    if "threadpoolctl" in sys.modules:
        yield _Item("threads of numeric libraries", _pools, _set_pools)


def _words(state: Mapping[str, Any]) -> bytes:
    return np.asarray(state["state"].get("key")).tobytes()


def _set_sklearn(before: Mapping[str, Any]) -> None:
    sys.modules["sklearn"].set_config(**before)


def _pools() -> dict[str, int]:
    return {pool.filepath: pool.num_threads for pool in _libraries(len(sys.modules))}


def _set_pools(before: Mapping[str, int]) -> None:
    for pool in _libraries(len(sys.modules)):
        if pool.filepath in before:
            pool.set_num_threads(before[pool.filepath])


@lru_cache(maxsize=1)
def _libraries(modules: int) -> list[Any]:
    """Libraries for linear algebra, looked for anew (12 ms) only when modules were imported."""
    del modules
    found = sys.modules["threadpoolctl"].ThreadpoolController().lib_controllers
    return [library for library in found if library.user_api == "blas"]


def _of_torch() -> Iterator[_Item]:
    """Settings of torch; where it is imported later only, what they are without any setting."""
    for kind in ("function", "dispatch"):  # first, since they may come before any other call
        yield _torch(f"{kind} modes", 0, partial(_modes, kind), partial(_end_modes, kind))
    yield _torch("inference mode", False, lambda torch: torch.is_inference_mode_enabled(), _infer)
    yield _torch("default dtype", "float32", _default_dtype, _set_default_dtype)
    yield _torch(
        "default device",
        "cpu",
        lambda torch: str(torch.get_default_device()),
        lambda torch, value: torch.set_default_device(None if value == "cpu" else value),
    )
    yield _torch(
        "number of threads",
        None,
        lambda torch: torch.get_num_threads(),
        lambda torch, value: value and torch.set_num_threads(value),
    )
    yield _torch(
        "deterministic algorithms",
        (False, False),
        lambda torch: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        lambda torch, value: torch.use_deterministic_algorithms(value[0], warn_only=value[1]),
    )
    yield _torch(
        "gradients",
        True,
        lambda torch: torch.is_grad_enabled(),
        lambda torch, value: torch.set_grad_enabled(value),
    )
    yield _torch(
        "anomaly detection",
        False,
        lambda torch: torch.is_anomaly_enabled(),
        lambda torch, value: torch.autograd.set_detect_anomaly(value),
    )
    yield _torch(
        "precision of products",
        "highest",
        lambda torch: torch.get_float32_matmul_precision(),
        lambda torch, value: torch.set_float32_matmul_precision(value),
    )
    yield _torch(
        "autocast",
        False,
        lambda torch: torch.is_autocast_enabled("cpu"),
        lambda torch, value: torch.set_autocast_enabled("cpu", value),
    )
    yield _torch(
        "oneDNN",
        True,
        lambda torch: torch.backends.mkldnn.enabled,
        lambda torch, value: torch.backends.mkldnn.set_flags(value),
    )
    yield _torch(
        "cuDNN settings",
        [True, False, False],
        lambda torch: [getattr(torch.backends.cudnn, name) for name in _CUDNN],
        _set_cudnn,
    )
    yield _torch("flushing of small numbers", False, lambda _: _flushes(), _set_flushing)
    yield _torch("hooks of all modules", {}, _global_hooks, _set_global_hooks)
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        yield _Item(
            "random state of torch",
            torch.get_rng_state,
            torch.set_rng_state,
            lambda before, after: not bool((before == after).all()),
        )


def _torch(
    name: str,
    usual: Any,
    read: Callable[[Any], Any],
    put_back: Callable[[Any, Any], object],
) -> _Item:
    def read_if_there() -> Any:
        return read(sys.modules["torch"]) if "torch" in sys.modules else usual

    return _Item(
        f"{name} of torch", read_if_there, lambda value: put_back(sys.modules["torch"], value)
    )


def _set_cudnn(torch: Any, values: Sequence[bool]) -> None:
    for name, value in zip(_CUDNN, values, strict=True):
        setattr(torch.backends.cudnn, name, value)


def _modes(kind: str, torch: Any) -> int:
    """How many `TorchFunctionMode` or `TorchDispatchMode` are in force."""
    return int(getattr(torch._C, f"_len_torch_{kind}_stack")())


def _end_modes(kind: str, torch: Any, wanted: int) -> None:
    pop = getattr(torch._C, f"_pop_torch_{kind}_stack")
    while _modes(kind, torch) > wanted:
        pop(*([None] if kind == "dispatch" else []))


_inference: list[Any] = []  # the last guard, since the mode lasts as long as it


def _infer(torch: Any, mode: bool) -> None:
    guard = torch.inference_mode(mode)
    guard.__enter__()
    _inference[:] = [guard]


def _global_hooks(torch: Any) -> dict[str, dict[int, Any]]:
    """Hooks by the name of their table in torch."""
    tables = vars(torch.nn.modules.module)
    names = [name for name in tables if name.startswith("_global_") and name.endswith("_hooks")]
    return {name: dict(tables[name]) for name in names}


def _set_global_hooks(torch: Any, before: Mapping[str, Mapping[int, Any]]) -> None:
    for name, table in _global_hooks(torch).items():
        for key in table.keys() - before.get(name, {}).keys():
            del vars(torch.nn.modules.module)[name][key]


def _default_dtype(torch: Any) -> str:
    return str(torch.get_default_dtype()).removeprefix("torch.")


def _set_default_dtype(torch: Any, name: str) -> None:
    torch.set_default_dtype(getattr(torch, name))


def _flushes() -> bool:
    """Whether the processor takes numbers too small to be normal for 0."""
    return not bool(np.full(1, 1e-40, np.float32) * np.float32(0.5))


def _set_flushing(torch: Any, flushes: bool) -> None:
    torch.set_flush_denormal(flushes)


def _of_modules() -> Iterator[_Item]:
    """What is in this package, its classes and the modules it rests on: a patch is for all."""
    yield from _patchable(len(sys.modules))


@lru_cache(maxsize=1)
def _patchable(modules: int) -> list[_Item]:
    """Looked for anew only when modules were imported."""
    del modules
    items: list[_Item] = []
    for name, module in sorted(sys.modules.items()):
        own = name.partition(".")[0] == __package__
        if not isinstance(module, ModuleType) or not (own or _is_rested_on(name)):
            continue
        items.append(_names(name, module) if own else _functions(name, module))
        if own or name.startswith(_PATCHED_CLASSES):
            items += [
                _names(f"{name}.{value.__qualname__}", value)
                for value in vars(module).values()
                if inspect.isclass(value) and value.__module__ == name
            ]
    return items


def _is_rested_on(name: str) -> bool:
    """Python's library, and what is public of others: their inner modules are behind it."""
    package, *inner = name.split(".")
    public = len(inner) < _PUBLIC_DEPTH and not any(part.startswith("_") for part in inner)
    if package in _PATCHED_PACKAGES:
        return public or name.startswith(_PATCHED_CLASSES)
    return public and package in sys.stdlib_module_names


def _functions(name: str, owner: ModuleType) -> _Item:
    """The functions and classes of a library's module; its other variables are its own affair."""

    def replaced(before: Mapping[str, Any]) -> dict[str, Any]:
        now = vars(owner)
        return {
            key: value
            for key, value in before.items()
            if now.get(key, _MISSING) is not value
            and (inspect.isroutine(value) or inspect.isclass(value))
        }

    return _Item(
        name,
        lambda: dict(vars(owner)),
        lambda before: vars(owner).update(replaced(before)),
        lambda before, after: not _alike(before, after) and bool(replaced(before)),
    )


def _names(name: str, owner: Any) -> _Item:
    inherited = _inherited(owner) if inspect.isclass(owner) else {}

    def put_back(before: Mapping[str, Any]) -> None:
        for key in [key for key in vars(owner) if key in inherited and key not in before]:
            delattr(owner, key)
        for key, value in before.items():
            if vars(owner).get(key, owner) is not value:
                setattr(owner, key, value)

    def differs(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        hidden = len(after) > len(before) and any(key in inherited for key in after.keys() - before)
        return hidden or _lost(before, after)

    return _Item(name, lambda: dict(vars(owner)), put_back, differs)


def _inherited(owner: type) -> dict[str, Any]:
    """Methods that a class has from others, which a patch of the class would hide."""
    return {
        key: value
        for base in owner.__mro__[1:]
        for key, value in vars(base).items()
        if inspect.isroutine(value) or isinstance(value, property)
    }


_ITEMS = (_of_modules, _of_the_process, _of_python, _of_the_numeric_libraries, _of_torch)
