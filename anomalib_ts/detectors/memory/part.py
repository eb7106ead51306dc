"""What representations and scorers have in common: settings, and what they learn beside them."""

from __future__ import annotations

from copy import copy
from typing import Any, Self

from anomalib_ts.settings.fields import check_settings, configured, declarations


@configured
class Part:
    """A part of a detector that is chosen by itself, and learns.

    Its settings stay as they are; what it learns goes into attributes that end in `_`, of a copy
    of it that a detector makes for each fit.
    """

    def unfitted(self) -> Self:
        """A copy that is free to learn.

        Raises:
            ConfigError: a setting has the wrong type or lies out of its limits.
        """
        check_settings(self)
        return copy(self)

    def state(self) -> dict[str, Any]:
        """What was learnt, by name, of the kinds that model files hold."""
        settings = {one.name for one in declarations(type(self))}
        return {name: value for name, value in vars(self).items() if name not in settings}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        vars(self).update(state)

    def __repr__(self) -> str:
        told = (f"{d.name}={getattr(self, d.name)!r}" for d in declarations(type(self)))
        return f"{type(self).__name__}({', '.join(told)})"
