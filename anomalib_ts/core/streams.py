"""Standard output and error made safe: any letter, any terminal, and a reader that goes away."""

from __future__ import annotations

import io
import os
import sys
import unicodedata


def printable(text: str) -> str:
    """A text whose control characters and broken letters are written out, as those of `repr`.

    Line ends and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(
        letter
        if letter.isprintable() or letter in "\n\t" or unicodedata.category(letter) == "Zs"
        else letter.encode("unicode_escape", "surrogatepass").decode("ascii")
        for letter in text
    )


def prepare_streams() -> None:
    """Make any letter writable: a terminal without it shows its number instead of a traceback."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def silence_output() -> None:
    """Send standard output nowhere from now on: whoever read it has gone away."""
    try:
        target = sys.stdout.fileno()
    except (OSError, ValueError):  # no file, such as a test's buffer
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, target)
    os.close(nowhere)
