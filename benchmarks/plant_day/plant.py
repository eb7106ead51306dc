"""A made-up plant: a year of minutes from eight sensors of a pump, with five faults.

Everything that is normal moves: the load follows shifts, weekends and the hour, temperatures follow
the season and the weather, a filter clogs until it is changed each quarter. The first fault is in
February; January is healthy.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import uniform_filter1d
from scipy.signal import lfilter

MINUTES = 365 * 1440
MOVING = ("season", "filter", "wear")  # in the course of the year
SENSORS = (
    "load_percent",
    "flow_m3h",
    "pressure_bar",
    "power_kw",
    "bearing_temp_c",
    "coolant_temp_c",
    "vibration_mms",
    "ambient_temp_c",
)


@dataclass(frozen=True)
class Fault:
    """From minute `start` to `stop` of the year."""

    name: str
    sensor: str
    start: int
    stop: int


def at(day: int, hour: int) -> int:
    return day * 1440 + hour * 60


FAULTS = (
    Fault("vibration after a loose bolt", "vibration_mms", at(47, 9), at(47, 15)),
    Fault("bearing runs hot", "bearing_temp_c", at(104, 2), at(105, 2)),
    Fault("leak: flow falls, power does not", "flow_m3h", at(171, 13), at(171, 22)),
    Fault("pressure sensor stuck", "pressure_bar", at(236, 6), at(237, 18)),
    Fault("coolant pump stops", "coolant_temp_c", at(310, 11), at(310, 14)),
)


def smooth(rng: np.random.Generator, minutes: int, deviation: float) -> np.ndarray:
    """Noise that forgets itself within `minutes`, of a stated deviation."""
    keep = np.exp(-1 / minutes)
    noise = rng.standard_normal(MINUTES + 5 * minutes)
    slow = lfilter([np.sqrt(1 - keep**2)], [1, -keep], noise)[5 * minutes :]
    return deviation * slow


def year(seed: int = 0, still: Collection[str] = ()) -> pd.DataFrame:
    """`(525,600, 9)`: a time stamp and eight sensors, faults included.

    What is `still`, some of `MOVING`, repeats January over and over.
    """
    rng = np.random.default_rng(seed)
    minute = np.arange(MINUTES)
    day, hour = minute / 1440, minute / 60 % 24
    season, filter_age, wear = (day % 31 if what in still else day for what in MOVING)
    shift = np.select([hour < 6, hour < 14, hour < 22], [55.0, 80.0, 72.0], 55.0)
    weekend = np.where((minute // 1440 + 3) % 7 >= 5, 0.75, 1.0)  # 1 January 2026 is a Thursday
    load = uniform_filter1d(shift * weekend, 20) + smooth(rng, 90, 2.5)
    ambient = 11 - 11 * np.cos(2 * np.pi * (season - 20) / 365)
    ambient += 3.5 * np.sin(2 * np.pi * (hour - 9) / 24) + smooth(rng, 2880, 3.0)
    clogged = filter_age % 91 / 91
    flow = 1.5 * load * (1 - 0.04 * clogged)
    pressure = 2.0 + 0.04 * load + 0.25 * clogged
    power = 4.0 + 0.012 * load * pressure * 5 + smooth(rng, 30, 0.15)
    slow_load = uniform_filter1d(load, 120, origin=59)  # the metal is slow
    bearing = 28 + 0.35 * slow_load + 0.35 * ambient
    coolant = 20 + 0.15 * slow_load + 0.45 * ambient
    vibration = 1.2 + 0.012 * load + 0.1 * wear / 365 + np.abs(smooth(rng, 3, 0.08))
    columns = [load, flow, pressure, power, bearing, coolant, vibration, ambient]
    noise = (0.5, 0.8, 0.03, 0.2, 0.25, 0.2, 0.05, 0.15)
    values = np.stack(columns, axis=1) + rng.standard_normal((MINUTES, 8)) * noise
    for fault in FAULTS:
        add(values, fault)
    table = pd.DataFrame(np.round(values, 3), columns=list(SENSORS))
    table.insert(0, "timestamp", pd.date_range("2026-01-01", periods=MINUTES, freq="min"))
    return table


def add(values: np.ndarray, fault: Fault) -> None:
    part, channel = slice(fault.start, fault.stop), SENSORS.index(fault.sensor)
    length = fault.stop - fault.start
    if fault.sensor == "pressure_bar":
        values[part, channel] = values[fault.start, channel]
    elif fault.sensor == "flow_m3h":
        values[part, channel] *= 1 - np.minimum(0.2, 0.2 * np.arange(length) / 60)
    elif fault.sensor == "vibration_mms":
        values[part, channel] += 0.7
    else:
        rise = {"bearing_temp_c": 9.0, "coolant_temp_c": 12.0}[fault.sensor]
        values[part, channel] += rise * np.minimum(1, np.arange(length) / 180)
