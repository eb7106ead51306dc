"""Which stored results are left out of a table, and why, in one line."""

from __future__ import annotations

from collections import defaultdict


class LeftOut:
    """Stored results that cannot be used, by the reason.

    Args:
        what: is not done with them.
    """

    def __init__(self, what: str = "left out") -> None:
        self._what = what
        self._found: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, kind: str, detail: str) -> None:
        """Note one: the reason in a word or two, and the file with what is the matter with it."""
        self._found[kind].append(detail)

    @property
    def count(self) -> int:
        """Number of results."""
        return sum(map(len, self._found.values()))

    def __str__(self) -> str:
        """One line: how many, why, and the first of each reason."""
        kinds = [
            f"{len(files)} {kind} ({'first: ' if len(files) > 1 else ''}{files[0]})"
            for kind, files in self._found.items()
        ]
        what = "1 result is" if self.count == 1 else f"{self.count} results are"
        return f"{what} {self._what}: {'; '.join(kinds)}"


def printable_path(text: str) -> str:
    """A path in one line without what a terminal would act on."""
    return "".join(c if c.isprintable() else "?" for c in text)
