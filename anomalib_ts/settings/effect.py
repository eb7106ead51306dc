"""Which settings decide what comes out, and which only what is shown, logged or kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WITHOUT_EFFECT = ("progress",)
_TRAINER_WITHOUT_EFFECT = ("logger", "checkpoint", "checkpoint_seconds")
_TRAINER_EXTRAS = ("callbacks", "options")


def has_effect(name: str, value: Any, owner: str = "") -> bool:
    """Whether a setting may change what comes out, not just what is shown, logged or kept.

    Args:
        name: of the setting.
        value: what it is set to: of what can be added to a trainer, nothing is no difference.
        owner: the name of the setting that it is a part of, such as `trainer`.
    """
    if owner == "trainer" and name in _TRAINER_EXTRAS:
        return bool(value)
    shown = _WITHOUT_EFFECT + (_TRAINER_WITHOUT_EFFECT if owner == "trainer" else ())
    return name not in shown


def effective(settings: Mapping[str, Any], owner: str = "") -> dict[str, Any]:
    """Settings without those that have no effect on what comes out, at every level."""
    return {
        key: effective(value, key) if isinstance(value, Mapping) else value
        for key, value in settings.items()
        if has_effect(key, value, owner)
    }


def describe(settings: Mapping[str, Any]) -> str:
    """Changed settings as one short text: `window=32, trainer.max_steps=50`."""
    return ", ".join(f"{key}={value}" for key, value in sorted(settings.items()))
