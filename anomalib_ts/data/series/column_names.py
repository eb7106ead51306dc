"""What a column's name says that it is, however it is spelled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum


class Named(Enum):
    """What a name says, from certain to vague."""

    LABEL = "label"
    """One of the documented names of labels."""
    LABELS = "labels in other words"
    """A word that only labels have, such as `anomalies`, `outlier` or `ground_truth`."""
    NORMAL = "what is normal"
    """A name of the opposite of labels, such as `is_normal`, `non_anomalous` or `fault_free`."""
    CHANGES = "change points"
    """A word for what tells of labels but is none."""
    MAYBE_LABEL = "maybe labels"
    """A word that labels and measurements have, such as `target`, `attack` or `fault`."""
    TIME = "time"
    """One of the documented names of time."""
    TIMES = "time in other words"
    """A name that only time has, such as `timestamps` or `unix_time`."""
    MAYBE_TIME = "maybe time"
    """A name with a word for time in it, such as `response_time`."""
    INDEX = "index"
    """A name of row numbers, such as `Unnamed: 0`, `index` or `id`."""
    MAYBE_INDEX = "maybe an index"
    """A name with a word for an index at its end, such as `machine_id`."""
    TIME_PART = "part of a time"
    """A part of the date or the clock in a column of its own, such as `year` or `hour`."""
    NOTHING = ""


LABEL_NAMES = {Named.LABEL, Named.LABELS, Named.CHANGES, Named.MAYBE_LABEL, Named.NORMAL}
TIME_NAMES = (Named.TIME, Named.TIMES, Named.MAYBE_TIME)

_LABEL = {"label", "anomaly", "isanomaly"}
_LABELS = re.compile(
    r"label|anomal|outlier|groundtruth|abnormal|ausrei(ß|ss)er|intrusion|malicious"
    r"|étiquette|etiquette|etiqueta|etichetta|метка|аномал|标签|標籤|异常|異常|ラベル|라벨|이상"
)
_NORMAL = frozenset(["normal", "isnormal", "healthy", "ishealthy", "inlier", "isinlier", "benign"])
_BEFORE = {"no", "non", "not", "without", "ohne", "kein", "keine"}
_BEHIND = {"free", "frei"}
_CHANGES = "changepoint"
_MAYBE_LABEL = frozenset(
    [
        "attack",
        "attacks",
        "attacked",
        "target",
        "targets",
        "class",
        "classes",
        "klasse",
        "fault",
        "faults",
        "faulty",
        "isfault",
        "isattack",
        "alarm",
        "alarms",
        "event",
        "events",
        "failure",
        "failures",
        "failed",
        "defect",
        "defects",
        "defective",
        "defekt",
        "fraud",
        "isfraud",
        "gt",
        "truth",
        "ytrue",
        "incident",
        "breakdown",
        "malfunction",
        "flag",
        "flags",
        "fehler",
        "störung",
        "stoerung",
    ]
)
_TIME = {"timestamp", "datetime", "date", "time", "zeit", "datum", "zeitstempel"}
_TIMES = frozenset(
    [
        "timestamps",
        "datetimes",
        "dates",
        "times",
        "ts",
        "unixtime",
        "unixtimestamp",
        "unix",
        "epoch",
        "epochtime",
        "utc",
        "utctime",
        "timeutc",
        "datetimeutc",
        "timestamputc",
        "timestamplocal",
        "localtime",
        "dateandtime",
        "datetimelocal",
        "uhrzeit",
        "messzeit",
        "zeitpunkt",
        "messzeitpunkt",
        "eventtime",
        "elapsedtime",
        "timeelapsed",
        "recordedat",
        "measuredat",
        "createdat",
        "sampletime",
        "samplingtime",
        "timeindex",
        "dateindex",
        "datumzeit",
        "datumuhrzeit",
    ]
)
_TIME_WORDS = frozenset(
    [
        "time",
        "times",
        "timestamp",
        "timestamps",
        "date",
        "dates",
        "datetime",
        "unix",
        "epoch",
        "clock",
        "zeit",
        "datum",
        "uhrzeit",
        "zeitstempel",
    ]
)
_INDEX = frozenset(
    [
        "unnamed",
        "index",
        "idx",
        "id",
        "ids",
        "row",
        "rows",
        "rowid",
        "rowno",
        "rownum",
        "rownumber",
        "rowindex",
        "nr",
        "num",
        "sampleid",
        "sampleno",
        "samplenumber",
        "sampleindex",
        "recordid",
        "recordno",
        "uid",
        "uuid",
        "pk",
        "seq",
        "sequence",
        "lfdnr",
        "zeile",
        "zeilennummer",
    ]
)
_TIME_PARTS = frozenset(
    [
        "year",
        "month",
        "day",
        "weekday",
        "dayofweek",
        "dayofyear",
        "hour",
        "hourofday",
        "minute",
        "second",
        "jahr",
        "monat",
        "tag",
        "wochentag",
        "stunde",
        "sekunde",
    ]
)
_INDEX_WORDS = {"id", "ids", "idx", "index", "nr"}


def named(name: str) -> Named:
    """What a column's name says; case, marks, numbers and units in brackets do not matter."""
    words = _words(name)
    joined = "".join(words)
    labels = _LABELS.search(joined) or any(word.startswith("anom") for word in words)
    maybe_label = not _MAYBE_LABEL.isdisjoint([joined, *words])
    joint = joined.startswith(("non", "not")) or joined.endswith(("free", "frei"))
    bare = joined.removeprefix("non").removesuffix("free").removesuffix("frei")
    denied = joint or not _BEFORE.isdisjoint(words[:-1]) or not _BEHIND.isdisjoint(words[1:])
    without = (labels or maybe_label or bare in _MAYBE_LABEL) and denied
    rules = (
        (Named.LABEL, joined in _LABEL),
        (Named.NORMAL, without or not _NORMAL.isdisjoint([joined, *words])),
        (Named.CHANGES, _CHANGES in joined),
        (Named.LABELS, labels),
        (Named.TIME, joined in _TIME),
        (Named.TIMES, joined in _TIMES),
        (Named.INDEX, joined in _INDEX),
        (Named.MAYBE_LABEL, maybe_label),
        (Named.MAYBE_TIME, not _TIME_WORDS.isdisjoint(words)),
        (Named.MAYBE_INDEX, words and words[-1] in _INDEX_WORDS),
        (Named.TIME_PART, joined in _TIME_PARTS),
    )
    return next((kind for kind, holds in rules if holds), Named.NOTHING)


def _words(name: str) -> list[str]:
    bare = re.sub(r"\[[^\]]*\]|\([^)]*\)|\{[^}]*\}|<[^>]*>", " ", name)
    bare = bare if re.search(r"[^\W\d_]", bare) else name
    parted = re.sub(r"(?<=[a-zß-ÿ0-9])(?=[A-Z])", " ", bare)
    return re.findall(r"[^\W\d_]+", parted.lower())


def shown(name: str, length: int = 40) -> str:
    """A name as it can be printed: on one line, without control characters, not too long."""
    plain = "".join(c if c.isprintable() else "?" for c in name)
    return plain if len(plain) <= length else f"{plain[: length - 3]}..."


def listed(names: Sequence[str], most: int = 6) -> str:
    """The first few names and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(shown(name) for name in names[:most]) + more
