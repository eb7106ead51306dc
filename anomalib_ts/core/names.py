"""Finding a name among those that exist, and near ones when it does not."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from anomalib_ts.errors import DataNotFoundError


def pick(name: str, names: Sequence[str], where: str) -> str:
    """Return `name` if it is one of `names`.

    Raises:
        DataNotFoundError: it is not; the message offers the nearest names.
    """
    if name in names:
        return name
    raise DataNotFoundError(f"{where} has no {name!r}; {nearest(name, names)}")


def nearest(name: str, names: Sequence[str]) -> str:
    """A sentence that offers up to three names like `name`, or else the first few there are."""
    lowered = {known.lower(): known for known in reversed(names)}
    close = difflib.get_close_matches(name.lower(), lowered, n=3)
    close = close or [known for known in sorted(lowered) if name.lower() in known][:3]
    if close:
        return f"did you mean {' or '.join(lowered[match] for match in close)}?"
    if not names:
        return "there is nothing in it"
    shown = ", ".join(names[:8])
    return f"there are {shown}{f' and {len(names) - 8} more' if len(names) > 8 else ''}"
