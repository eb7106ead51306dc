"""State of torch: default type, threads, modes, hooks, random numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from anomalib_ts.run.process_state.item import Item

_CUDNN = ("enabled", "benchmark", "deterministic")


def of_torch() -> Iterator[Item]:
    """Settings of torch; where it is imported later only, what they are without any setting."""
    for kind in ("function", "dispatch"):  # first, since they may come before any other call
        yield _torch(f"{kind} modes", 0, partial(_modes, kind), partial(_end_modes, kind))
    yield _torch("inference mode", False, lambda torch: torch.is_inference_mode_enabled(), _infer)
    yield _torch("default dtype", "float32", _default_dtype, _set_default_dtype)
    yield _torch("default device", "cpu", _default_device, _set_default_device)
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
        yield Item(
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
) -> Item:
    def read_if_there() -> Any:
        return read(sys.modules["torch"]) if "torch" in sys.modules else usual

    return Item(
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


def _default_device(torch: Any) -> str:
    context = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    return "cpu" if context is None else str(context.device)


def _set_default_device(torch: Any, value: str) -> None:
    """Set it where its mode may have been ended with the others, which torch 2.4 cannot do."""
    kept = vars(torch._GLOBAL_DEVICE_CONTEXT)
    if _modes("function", torch) == 0:
        kept.pop("device_context", None)
    if value != "cpu":
        torch.set_default_device(value)
    elif context := kept.pop("device_context", None):  # torch 2.4 cannot read a device of None
        context.__exit__(None, None, None)


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
