"""Time stamps as people write them: ISO, day first, month first, Unix time, other units."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.core.recording_parts import nanoseconds
from anomalib_ts.data.series.text_table import to_numbers
from anomalib_ts.errors import ConfigError, InputError

if TYPE_CHECKING:
    import pandas as pd

_SECONDS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "msec": 1e-3, "millis": 1e-3,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "sekunden": 1.0,
    "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0, "minuten": 60.0,
    "h": 3600.0, "hr": 3600.0, "hrs": 3600.0, "hour": 3600.0, "hours": 3600.0, "stunden": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0, "tage": 86400.0,
}  # fmt: skip
_EPOCHS = (("ms", 1e11, 9.2e12), ("us", 1e14, 9.2e15), ("ns", 1e17, 9.2e18))
"""Units of Unix time and the numbers that the years 1973 to 2261 are in them."""
_COMPACT = (("%Y%m%d", 19000101, 21001231), ("%Y%m%d%H%M", 190001010000, 210012312359),
            ("%Y%m%d%H%M%S", 19000101000000, 21001231235959))  # fmt: skip
_NUMERIC_DATE = re.compile(r"\s*(\d{1,2}|\d{4})([./-])(\d{1,2})\2(\d{4}|\d{2})\.?(,?)(\s+|T|$)(.*)")
_YEAR_FIRST = r"^\s*(\d{4})[./](\d{1,2})[./]"
_CLOCK = re.compile(r"\s*\d{1,3}:\d{2}(:\d{2}([.,]\d+)?)?\s*")
_WORDED = re.compile(r"(?=.*\d{4})(?=.*[a-z]{3})", re.I)
_OFFSET = re.compile(r":\d\d(?:[.,]\d+)?\s*(?:Z|[+-]\d{2}(?::?\d{2})?)[ \t]*$", re.M)


@dataclass(frozen=True)
class Times:
    """A column of time stamps as it was read.

    Attributes:
        stamps: `(n,)` datetime64[ns] (UTC where there are offsets), or seconds as float64; what
            is missing or could not be read is NaT or NaN.
        remarks: what was guessed and should be known.
    """

    stamps: NDArray[Any]
    remarks: list[str] = field(default_factory=list)

    @property
    def unread(self) -> NDArray[np.bool_]:
        """`(n,)`: which stamps are missing or could not be read."""
        known = np.isnat if self.stamps.dtype.kind == "M" else np.isnan
        return np.asarray(known(self.stamps))


def read_times(
    column: pd.Series[Any], name: str, date_format: str | None = None, decimal: str = "."
) -> Times:
    """Read a column of time stamps.

    Dates are ISO 8601, or numbers apart by `.`, `/` or `-`. Whether the day or the month comes
    first is found out from all of them: from a number above 12, else from which reading gives the
    more even steps, and that is remarked. Numbers count seconds, or the unit that the name says
    (`time [ms]`, `timestamp_(min)`); those that can only be Unix time in a smaller unit, or dates
    without marks such as 20240131, are read so and remarked. Clock times count from midnight.

    Args:
        column: numbers, dates or texts.
        name: of the column.
        date_format: how dates are written, as in `strptime`; None finds out.
        decimal: decimal sign of numbers that are text.

    Raises:
        ConfigError: `date_format` is not a format.
    """
    import pandas as pd  # noqa: PLC0415

    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        return Times(_as_utc(column))
    if date_format is not None:
        return Times(_by_format(column, date_format))
    first = to_numbers(column.dropna().head(100), decimal)
    if len(first) and np.isnan(first).mean() < 0.5:
        return _from_numbers(column, to_numbers(column, decimal), name)
    return _from_text(column)


def _as_utc(column: pd.Series[Any]) -> NDArray[Any]:
    import pandas as pd  # noqa: PLC0415

    zoned: Any = pd.to_datetime(column, utc=True)
    stamps, _ = nanoseconds(zoned.dt.tz_localize(None).to_numpy())
    return stamps  # those that it does not hold count as not read


def _by_format(column: pd.Series[Any], date_format: str) -> NDArray[Any]:
    whole = column.dtype.kind in "iu"
    text = column.astype("str") if whole else column
    try:
        return _parse(text, date_format)
    except ValueError as error:
        raise ConfigError(f"date_format={date_format!r} is no format of dates: {error}") from None


def _parse(text: pd.Series[Any], form: str) -> NDArray[Any]:
    import pandas as pd  # noqa: PLC0415

    with warnings.catch_warnings():
        # pandas tells of formats it has to guess; what it cannot read is an error of ours
        warnings.simplefilter("ignore", UserWarning)
        return _as_utc(pd.to_datetime(text, errors="coerce", format=form, utc=True))


def _from_numbers(column: pd.Series[Any], numbers: FloatArray, name: str) -> Times:
    known = numbers[~np.isnan(numbers)]
    unit = unit_of(name)
    low, high = float(np.min(known, initial=np.inf)), float(np.max(known, initial=-np.inf))
    if unit is None and not (known % 1).any():
        for form, first, last in _COMPACT:
            if first <= low and high <= last:
                stamps = _parse(column.map("{:.0f}".format, na_action="ignore"), form)
                if not np.isnat(stamps[~np.isnan(numbers)]).any():
                    return Times(stamps, [f"numbers such as {known[0]:.0f} are read as {form}"])
    for epoch, start, end in _EPOCHS:
        if unit in (None, epoch) and start <= low and high < end:
            remarks = [] if unit else [f"numbers such as {known[0]:.0f} are read as Unix {epoch}"]
            return Times(_unix(column, numbers, epoch), remarks)
    return Times(numbers * _SECONDS[unit or "s"])


def _unix(column: pd.Series[Any], numbers: FloatArray, unit: str) -> NDArray[Any]:
    factor = {"ms": 10**6, "us": 10**3, "ns": 1}[unit]
    if column.dtype.kind in "iu":
        return (column.to_numpy(np.int64) * factor).view("datetime64[ns]")
    nanoseconds = np.round(np.where(np.isnan(numbers), 0, numbers) * factor).astype(np.int64)
    stamps = nanoseconds.view("datetime64[ns]")
    stamps[np.isnan(numbers)] = np.datetime64("NaT", "ns")
    return stamps


def unit_of(name: str) -> str | None:
    """The unit of time that a column's name ends with or has in brackets, if any."""
    words = re.findall(r"[^\W\d_]+", name.lower())
    bracket = re.findall(r"[\[({<]\s*([^\W\d_]+)\s*[\])}>]", name.lower())
    for word in [*bracket, *words[1:][-1:]]:
        if word in _SECONDS:
            return _canonical(word)
    return None


def _canonical(unit: str) -> str:
    return {1e-9: "ns", 1e-6: "us", 1e-3: "ms"}.get(_SECONDS[unit], unit)


def _from_text(column: pd.Series[Any]) -> Times:
    text = column.astype("str").where(column.notna())
    first = text.dropna()
    head = str(first.iloc[0]) if len(first) else ""
    if _CLOCK.fullmatch(head):
        return Times(_from_clock(text))
    if (found := _NUMERIC_DATE.fullmatch(head)) and len(found[1]) <= 2:
        return _from_numeric_dates(text, head)
    if found and found[2] != "-":
        text = text.str.replace(_YEAR_FIRST, r"\1-\2-", regex=True)
    stamps = _parse(text, "ISO8601")
    _refuse_mixed_offsets(text, head)
    if np.isnat(stamps).all() and _WORDED.match(head):
        stamps = _parse(text, "mixed")
    return Times(stamps)


def _from_clock(text: pd.Series[Any]) -> FloatArray:
    import pandas as pd  # noqa: PLC0415

    full = text.str.strip().str.replace(",", ".", regex=False)
    short = full.str.count(":") == 1
    spans: Any = pd.to_timedelta(full.where(~short, full + ":00"), errors="coerce")
    return np.asarray(spans.dt.total_seconds(), dtype=np.float64)


def _from_numeric_dates(text: pd.Series[Any], head: str) -> Times:
    """Dates such as 01.02.2024 or 1/2/24 10:00: day first or month first, whichever fits all."""
    day_first, month_first = (_in_order(text, head, order) for order in ("dm", "md"))
    missing_d, missing_m = int(np.isnat(day_first).sum()), int(np.isnat(month_first).sum())
    if missing_d != missing_m:
        return Times(day_first if missing_d < missing_m else month_first)
    if np.array_equal(day_first, month_first, equal_nan=True):
        return Times(day_first)
    if missing_d == len(text):
        return Times(day_first)
    evenness = [_unevenness(stamps) for stamps in (day_first, month_first)]
    dotted = "." in head[:6]
    day = evenness[0] < evenness[1] or (evenness[0] == evenness[1] and dotted)
    why = "its steps are more even" if evenness[0] != evenness[1] else "nothing in them tells"
    remark = (
        f"dates such as {head.strip()} are read with the {'day' if day else 'month'} first "
        f"({why}); date_format={_format_of(head, 'dm' if day else 'md')!r} says so"
    )
    return Times(day_first if day else month_first, [remark])


def _in_order(text: pd.Series[Any], head: str, order: str) -> NDArray[Any]:
    """Stamps read with day (`dm`) or month (`md`) first; some may leave out the clock or part."""
    stamps = _parse(text, _format_of(head, order))
    for clock in ("%H:%M:%S.%f", "%H:%M:%S", "%H:%M", ""):
        rest = np.isnat(stamps) & text.notna().to_numpy()
        if not rest.any():
            break
        form = _format_of(head, order, clock)
        stamps[rest] = _parse(text[rest], form)
    return stamps


def _format_of(head: str, order: str, clock: str | None = None) -> str:
    found = _NUMERIC_DATE.fullmatch(head)
    assert found is not None
    _, mark, _, year, comma, gap, rest = found.groups()
    parts = ["%d", "%m"] if order == "dm" else ["%m", "%d"]
    date = mark.join([*parts, "%Y" if len(year) == 4 else "%y"])
    clock = _clock_format(rest) if clock is None else clock
    return f"{date}{comma}{gap[:1] or ' '}{clock}" if clock else date


def _clock_format(rest: str) -> str:
    """The format of a clock time as it stands behind a date, with its offset."""
    found = re.fullmatch(
        r"(\d{1,2}):\d{2}(:\d{2})?([.,]\d+)?(\s*[AaPp][Mm])?(\s*Uhr)?(\s*(?:Z|[+-]\d{2}:?\d{2}))?\s*",
        rest,
    )
    if found is None:
        return ""
    _, seconds, part, half, word, offset = found.groups()
    form = ("%I" if half else "%H") + ":%M" + (":%S" if seconds else "")
    form += f"{part[0]}%f" if part else ""
    form += (" " if half.startswith(" ") else "") + "%p" if half else ""
    form += " Uhr" if word else ""
    return form + ((" " if offset.startswith(" ") else "") + "%z" if offset else "")


def _unevenness(stamps: NDArray[Any]) -> float:
    """Share of steps that differ from the median step; infinite where time does not rise."""
    steps = np.diff(stamps[~np.isnat(stamps)]).astype(np.int64)
    if not len(steps) or (steps <= 0).any():
        return np.inf
    return float((steps != np.median(steps)).mean())


def _refuse_mixed_offsets(text: pd.Series[Any], head: str) -> None:
    cells = text.dropna().tolist()
    joined = "\n".join(cells)  # one search through all is ten times faster than one a cell
    zoned = sum(1 for _ in _OFFSET.finditer(joined))
    if zoned and zoned != sum(":" in cell for cell in cells):
        raise InputError(
            f"some time stamps (such as {head}) say their offset from UTC and others do not; "
            "write all with it, or none"
        )
