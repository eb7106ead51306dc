"""Errors and warnings that a user is meant to read.

Everything the package raises on purpose derives from :class:`AnomalibTsError`, so one `except`
tells a user's mistake from a bug.
"""


class AnomalibTsError(Exception):
    """Base of every error raised on purpose."""


class InputError(AnomalibTsError, ValueError):
    """The data given cannot be used: the message says what, where and what to do."""


class ValueKindError(InputError, TypeError):
    """The values given are of a kind that is no number."""


class ConfigError(AnomalibTsError, ValueError):
    """A setting is unknown, of the wrong type or out of range."""


class UntrustedError(ConfigError):
    """A `_target_` names a class of code that nobody chose to trust: the message says how to."""


class DataNotFoundError(AnomalibTsError, FileNotFoundError):
    """A file, folder or series is not there: the message says how to get it."""


class DamagedResultError(DataNotFoundError):
    """What a stored result was judged by is lost or altered; running the unit again mends it."""


class NotFittedError(AnomalibTsError, RuntimeError):
    """`score` was called before `fit`."""


class ContractError(AnomalibTsError, RuntimeError):
    """A detector broke the contract (wrong length, not finite, ...): a bug in that detector."""


class UndefinedMetricError(AnomalibTsError, ValueError):
    """The metric has no value on this input, for example because one class is missing."""


class AnomalibTsWarning(UserWarning):
    """Something was changed or guessed on the user's behalf and should be known."""
