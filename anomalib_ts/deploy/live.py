"""Points scored as they come: lines of standard input, or of a file that grows.

Where the detector has a stream, scores come as soon as no later point can change them and are those
of the whole recording. Else, or if so wished, each block of new lines is scored at once, together
with some points before it.
"""

from __future__ import annotations

import csv
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from anomalib_ts.core.names import nearest
from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.core.runs import run_slices
from anomalib_ts.deploy.alarms import Alarm, LiveAlarms
from anomalib_ts.deploy.model import PlantModel
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.streaming import Stream
from anomalib_ts.errors import AnomalibTsWarning, DataNotFoundError, InputError

HISTORY = 1024
"""Points before a block that it is scored with where there is no stream, and blamed with."""

TIME_NAMES = ("timestamp", "datetime", "date", "time", "zeit", "datum", "zeitstempel")
"""Columns of such names are handed on as the time."""

_DELIMITERS = (",", ";", "\t", "|")
_CHUNK = 2**16  # bytes read at a time
_PAUSE = 0.2  # seconds between two looks at a file
_MOST_LINES = 512  # scored at a time
_LONGEST_CELL = 40  # characters of it that an error shows


class BlockScorer:
    """In the place of a stream: scores each block at once, with some points before it.

    Args:
        detector: fitted.
        history: how many points before it.
    """

    delay = 0

    def __init__(self, detector: Detector, history: int) -> None:
        self._detector, self._history = detector, history
        self._before: FloatArray = np.empty((0, detector.n_channels_))

    def push(self, block: Recording) -> FloatArray:
        """The scores `(m,)` of a block of m points."""
        values = np.concatenate([self._before, block.values])
        self._before = values[max(0, len(values) - self._history) :]
        return self._detector.score(replace(block, values=values))[-len(block) :]

    def finish(self) -> FloatArray:
        """No score is missing."""
        return np.empty(0)


class LivePoint(NamedTuple):
    """A point whose score is known.

    Attributes:
        time: as it was written, or the number of its line.
        score: of the detector.
        alarm: whether there is an alarm, 0 or 1.
        channels: shares of those that the alarm comes from, see `PlantModel.blamed`: at this point
            and those in alarm that were scored together with it. Empty without an alarm.
    """

    time: str
    score: float
    alarm: int
    channels: dict[str, float] = {}  # noqa: RUF012 - no list of fields, a default that is read


@dataclass
class LiveScorer:
    """Scores lines of text, the first of which names the columns if the model knows names.

    Attributes:
        model: what scores.
        history: points before a block to score it with at once; None for the detector's stream, or
            `HISTORY` points if it has none.
        delimiter: between columns; None for the one at which the first line falls into the names
            of the channels, `,` where they have none.
        decimal: sign; None for a point, or a comma where it does not divide the columns.
        alarms: what the alarm rule has seen so far.
    """

    model: PlantModel
    history: int | None = None
    delimiter: str | None = None
    decimal: str | None = None
    alarms: LiveAlarms = field(init=False)
    _stream: Stream | BlockScorer = field(init=False, repr=False)
    _places: list[int] | None = field(default=None, repr=False)
    _columns: int = field(default=0, repr=False)
    _time: int | None = field(default=None, repr=False)
    _last: FloatArray | None = field(default=None, repr=False)
    _waiting: list[str] = field(default_factory=list, repr=False)
    _recent: FloatArray = field(init=False, repr=False)
    _line: int = field(default=0, repr=False)
    _divider: str = field(default=",", repr=False)

    def __post_init__(self) -> None:
        self.alarms = LiveAlarms(self.model.rule)
        self._stream = _stream_of(self.model.detector, self.history)
        self._recent = np.empty((0, self.model.detector.n_channels_))

    @property
    def blames(self) -> bool:
        """Whether alarms name channels."""
        detector = self.model.detector
        return detector.n_channels_ > 1 and detector.capabilities.blames_channels

    @property
    def delay(self) -> int:
        """Points that must come after one before its score is given."""
        return self._stream.delay

    def restart(self) -> None:
        """A new file begins, with a header of its own."""
        self._places = self._time = None
        self._line = 0

    def push(self, lines: Sequence[str]) -> list[LivePoint]:
        """Take new lines.

        Returns:
            The points whose score is known now.

        Raises:
            InputError: a line cannot be read; the message says which.
        """
        found = []
        for start in range(0, len(lines), _MOST_LINES):
            rows = self._rows(lines[start : start + _MOST_LINES])
            if rows:
                self._recent = np.concatenate([self._recent, rows])
                found += self._judged(self._stream.push(self._recording(rows)))
                self._recent = self._recent[-(HISTORY + len(self._waiting)) :]
        return found

    def finish(self) -> list[LivePoint]:
        """What `push` has not yet given, as if no point came any more."""
        return self._judged(self._stream.finish())

    def _rows(self, lines: Sequence[str]) -> list[FloatArray]:
        rows: list[FloatArray] = []
        if lines and self._places is None:
            self._divider = self.delimiter or self._delimiter_of(lines)
        for line in lines:
            self._line += 1
            cells = self._cells(line)
            if not any(cell.strip() for cell in cells):
                continue
            if self._places is None and self._is_header(cells):
                continue
            self._last = self._numbers(cells)
            rows.append(self._last)
            when = str(self._line) if self._time is None else cells[self._time].strip()
            self._waiting.append(when)
        return rows

    def _cells(self, line: str) -> list[str]:
        """A line's cells; a quotation mark that is left open ends with it, as lines come singly."""
        try:
            cells = next(csv.reader([line], delimiter=self._divider), [])
        except csv.Error as error:
            raise InputError(f"line {self._line} cannot be read: {error}") from None
        if self._places is not None and len(cells) > self._columns:
            raise InputError(
                f"line {self._line} has {len(cells)} cells, but there are {self._columns} columns"
            )
        return cells

    def _judged(self, scores: FloatArray) -> list[LivePoint]:
        first = len(self._recent) - len(self._waiting)  # of these points among the recent ones
        times = self._waiting[: len(scores)]
        del self._waiting[: len(scores)]
        found = [
            LivePoint(when, score, int(self.alarms.push(score)))
            for when, score in zip(times, scores.tolist(), strict=True)
        ]
        if not self.blames:
            return found
        stretches = run_slices(np.array([point.alarm for point in found], dtype=np.bool_))
        alarms = [Alarm(first + s.start, first + s.stop, first + s.start, 0.0) for s in stretches]
        shares = self.model.blamed(self._recording(self._recent), alarms) if alarms else []
        for stretch, channels in zip(stretches, shares, strict=True):
            found[stretch] = [point._replace(channels=channels) for point in found[stretch]]
        return found

    def _recording(self, rows: Sequence[FloatArray] | FloatArray) -> Recording:
        healthy = self.model.healthy
        return Recording(
            np.array(rows),
            name="the input",
            sampling_period=healthy.period,
            channel_names=healthy.names,
        )

    def _delimiter_of(self, lines: Sequence[str]) -> str:
        wanted = set(self.model.healthy.names or ())
        first = next((line for line in lines if line.strip()), "")
        for delimiter in _DELIMITERS:
            cells = next(csv.reader([first], delimiter=delimiter), [])
            if wanted <= {cell.strip().lstrip("\ufeff") for cell in cells}:
                return delimiter
        return ","

    def _is_header(self, cells: Sequence[str]) -> bool:
        """Find the channels among the columns; whether this line names them."""
        names = [cell.strip().lstrip("\ufeff") for cell in cells]
        wanted = self.model.healthy.names
        if wanted is None:
            count = self.model.detector.n_channels_
            if len(cells) not in (count, count + 1):
                raise InputError(
                    f"line {self._line} has {len(cells)} columns; the model takes {count}, after "
                    "one of times or without"
                )
            self._time = 0 if len(cells) > count else None
            self._places = list(range(len(cells) - count, len(cells)))
            self._columns = len(cells)
            return False
        missing = [name for name in wanted if name not in names]
        if missing:
            raise InputError(
                f"line {self._line} must name the columns, and {missing[0]!r} is missing; "
                f"{nearest(missing[0], names)}"
            )
        self._places = [names.index(name) for name in wanted]
        self._columns = len(names)
        known = [name.lower() for name in names]
        self._time = next((known.index(name) for name in TIME_NAMES if name in known), None)
        return True

    def _numbers(self, cells: Sequence[str]) -> FloatArray:
        assert self._places is not None
        row = np.empty(len(self._places))
        for channel, place in enumerate(self._places):
            text = cells[place].strip() if place < len(cells) else ""
            row[channel] = self._number(text, channel)
        return row

    def _number(self, text: str, channel: int) -> float:
        names = self.model.healthy.names
        called = f"channel {channel}" if names is None else f"channel {names[channel]!r}"
        try:
            comma = self.decimal == "," or (self.decimal is None and self._divider != ",")
            number = float(text.replace(",", ".") if comma else text) if text else np.nan
        except ValueError:
            shown = repr(text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}...")
            raise InputError(f"line {self._line}, {called}: {shown} is not a number") from None
        if np.isfinite(number):
            return number
        if self._last is None:
            raise InputError(f"line {self._line}, {called}: the first value is missing")
        warnings.warn(
            f"line {self._line}, {called}: the value is missing; the last one takes its place",
            AnomalibTsWarning,
            stacklevel=5,
        )
        return float(self._last[channel])


def _stream_of(detector: Detector, history: int | None) -> Stream | BlockScorer:
    if history is not None:
        return BlockScorer(detector, history)
    try:
        return detector.stream()
    except InputError:  # it has none
        return BlockScorer(detector, HISTORY)


def blocks_of_pipe(descriptor: int) -> Iterator[list[str]]:
    """Whole lines as they come through a pipe, as many at a time as are there; Ctrl-C ends it."""
    rest = b""
    while data := _read(descriptor):
        *whole, rest = (rest + data).split(b"\n")
        if whole:
            yield [_text(line) for line in whole]
    if rest:
        yield [_text(rest)]


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _CHUNK)
    except KeyboardInterrupt:
        return b""


def blocks_of_file(
    path: Path, idle: float | None, restarted: Callable[[], Any]
) -> Iterator[list[str]]:
    """Whole lines of a file that grows, as many at a time as are there.

    Args:
        path: the file. One that becomes shorter, or another file of this name, is read from its
            beginning.
        idle: ends after so many seconds in which nothing came; None only with Ctrl-C.
        restarted: called before the first line of a file that took the place of another.

    Raises:
        DataNotFoundError: there is no such file.
    """
    place, rest, inode, last = 0, b"", -1, time.monotonic()
    while True:
        try:
            with path.open("rb") as file:
                found = os.fstat(file.fileno())
                if inode not in (-1, found.st_ino) or found.st_size < place:
                    place, rest = 0, b""
                    restarted()
                inode = found.st_ino
                file.seek(place)
                data = file.read(_CHUNK)
        except FileNotFoundError:
            if inode == -1:
                raise DataNotFoundError(f"there is no file {path}") from None
            data = b""  # it is being replaced
        if data:
            place, last = place + len(data), time.monotonic()
            *whole, rest = (rest + data).split(b"\n")
            if whole:
                yield [_text(line) for line in whole]
        elif idle is not None and time.monotonic() - last >= idle:
            return
        else:
            try:
                time.sleep(_PAUSE if idle is None else min(_PAUSE, idle))
            except KeyboardInterrupt:
                return


def _text(line: bytes) -> str:
    return line.decode("utf-8", errors="replace").rstrip("\r")
