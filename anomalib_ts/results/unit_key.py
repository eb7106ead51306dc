"""A unit of work, one detector on one case with one seed, and the key that equal units share."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from anomalib_ts.core.digests import digest
from anomalib_ts.settings.effect import effective


def without_nothing(content: dict[str, Any], *names: str) -> dict[str, Any]:
    """Content without those of its entries that are empty: as it was before there were any."""
    return {key: value for key, value in content.items() if value or key not in names}


@dataclass(frozen=True)
class Unit:
    """All that decides the scores of one detector on one case; plain data, so it can travel.

    Attributes:
        detector: the detector's config name.
        detector_settings: its resolved settings, seed included.
        variant: the settings that differ from the defaults, as text; empty for the defaults.
        data: the data set's name.
        data_settings: its resolved settings (where it lies included, so not part of `key`).
        case: name of the series or machine type.
        protocol: the protocol's config name.
        protocol_settings: its settings.
        threshold: the threshold's settings.
        seed: of the detector.
        fingerprint: digest of the case's data.
        version: of the detector, see `Detector.version`.
        attack: settings of what the test data went through first, see `Attack`; empty for nothing.
        oracle: whether its settings were chosen by the labels of the cases that are scored.
    """

    detector: str
    detector_settings: dict[str, Any]
    variant: str
    data: str
    data_settings: dict[str, Any]
    case: str
    protocol: str
    protocol_settings: dict[str, Any]
    threshold: dict[str, Any]
    seed: int
    fingerprint: str
    version: int
    attack: dict[str, Any] = field(default_factory=dict)
    oracle: bool = False

    @cached_property
    def key(self) -> str:
        """The digest that identifies the unit: equal keys mean equal scores.

        It leaves out what has no bearing on the scores, such as where the data lies.
        """
        content = effective(without_nothing(asdict(self), "attack", "oracle"))
        for cosmetic in ("variant", "data_settings"):
            del content[cosmetic]
        return digest(content)
