"""The sound of rotating machines, healthy and faulty, made from a handful of physical parts.

A machine is a shaft whose speed drifts and sags under load, harmonics of it with the passing of
blades or teeth standing out, broadband noise in the colour of that machine, and a workshop in the
background. Everything random about a machine comes from its type and id, everything random about
a clip from the clip's own generator.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len
from scipy.signal import lfilter

SAMPLE_RATE = 16000
FAULTS = ("bearing", "imbalance", "rubbing", "harmonics", "overload")
"""Kinds of fault; a clip's file number begins with the position here, from 1 (0 is healthy)."""

SHIFTS = ("load", "background")
"""What may be different in the target domain."""

_LOADED_SPEED = 0.9  # of the speed in the source domain
_LOADED_DB = 3.0  # by which a machine under the target's load is louder
_ELSEWHERE_DB = 6.0  # by which the target's workshop is louder
_ELSEWHERE_CLANGS = 0.5  # more knocks a second

_TABLE = 8192  # points in the tabulated waveform of one revolution
_BLADE_DB = 12.0  # by which harmonics of the blades stand out
_BACKGROUND_SPREAD = 4.0  # dB, from clip to clip
_LEVEL_SPREAD = 3.0  # dB, from clip to clip
_RMS = 0.03  # of a machine at gain 0 dB; leaves 30 dB of headroom for the peaks

Signal: TypeAlias = NDArray[np.float64]
Generator: TypeAlias = np.random.Generator


@dataclass(frozen=True)
class MachineType:
    """What machines of a type have in common.

    Attributes:
        shaft_hz: revolutions per second.
        harmonics: number of shaft harmonics that are heard.
        roll_off: fall of the harmonics in dB per doubling of their order.
        blades: blades or teeth per revolution; their harmonics stand out by 12 dB.
        tone: level of the harmonics over the broadband noise, dB.
        pulsation: depth to which the noise swells at the rate of the blades, 0 to 1.
        speed_spread: relative spread of the speed from clip to clip.
        wander: relative drift of the speed within a clip.
        load_db: spread of the level as the load changes within a clip.
        stroke_hz: working strokes per second; 0 for a machine that runs through.
        background: level of the workshop against the machine, dB.
        clangs: knocks in the workshop per second.
        fault: level of a fault's sound against the machine, dB.
    """

    shaft_hz: float
    harmonics: int
    roll_off: float
    blades: int
    tone: float
    pulsation: float
    speed_spread: float
    wander: float
    load_db: float
    stroke_hz: float
    background: float
    clangs: float
    fault: float


# fmt: off
#                 shaft harm. roll blades tone puls. spread wander load stroke back. clangs fault
MACHINE_TYPES: dict[str, MachineType] = {
    "centrifuge": MachineType(83, 30, 3,  5,  6, 0.1, 0.01, 0.002, 0.5, 0.0, -9, 0.0, -15),
    "ventilator": MachineType(24, 60, 3,  7, -3, 0.3, 0.03, 0.005, 1.0, 0.0, -6, 0.1, -12),
    "compressor": MachineType(12, 80, 3,  2,  0, 0.8, 0.03, 0.010, 1.5, 0.0, -6, 0.2, -13),
    "gearmotor":  MachineType(31, 90, 2, 23,  3, 0.1, 0.03, 0.005, 1.0, 0.0, -6, 0.1, -12),
    "conveyor":   MachineType( 7, 90, 2,  9, -3, 0.3, 0.10, 0.020, 2.0, 0.0,  0, 0.5, -7),
    "stamper":    MachineType(19, 60, 3,  4,  0, 0.3, 0.03, 0.010, 1.5, 1.2, -3, 0.3, -4),
}
# fmt: on
"""The six types, from easy to hard for an autoencoder (measured in `MachineSound`)."""


class Machine:
    """One machine: its type with the individual deviations of an id.

    Args:
        type_name: one of `MACHINE_TYPES`.
        number: the machine's id; the same id is always the same machine.
    """

    def __init__(self, type_name: str, number: int) -> None:
        self.type = MACHINE_TYPES[type_name]
        own = np.random.default_rng([zlib.crc32(type_name.encode()), number])
        self.shaft_hz = self.type.shaft_hz * own.uniform(0.9, 1.1)
        order = np.arange(1, self.type.harmonics + 1)
        self.is_blade = order % self.type.blades == 0
        decibels = -self.type.roll_off * np.log2(order) + own.normal(0, 4, len(order))
        decibels += _BLADE_DB * self.is_blade
        angles = own.uniform(0, 2 * np.pi, len(order))
        self.harmonics = 10 ** (decibels / 20) * np.exp(1j * angles)
        self.colour = _colour(own)
        self.resonance_hz = float(own.uniform(2500, 5500))
        self.bearing_order = float(own.uniform(3.2, 5.4))
        self.elsewhere = _colour(np.random.default_rng(zlib.crc32(type_name.encode())))

    def clip(
        self,
        rng: Generator,
        seconds: float,
        fault: str | None = None,
        shifts: Collection[str] = (),
    ) -> NDArray[np.float32]:
        """One recording, `(seconds * 16000,)`, full scale 1.

        Args:
            rng: decides everything random about the clip.
            seconds: length.
            fault: one of `FAULTS`, or None for a healthy machine.
            shifts: some of `SHIFTS`. Under another load the machine is a tenth slower and 3 dB
                louder; another workshop is 6 dB louder, has one colour, that of its machine type,
                and knocks more often.
        """
        return _Take(self, rng, round(seconds * SAMPLE_RATE), fault, shifts).sound()


class _Take:
    """The parts of one clip while they are put together."""

    def __init__(
        self,
        machine: Machine,
        rng: Generator,
        n: int,
        fault: str | None,
        shifts: Collection[str],
    ) -> None:
        self.machine, self.rng, self.n, self.fault, self.shifts = machine, rng, n, fault, shifts
        self.severity = float(10 ** ((machine.type.fault + rng.normal(0, 3)) / 20))
        kind = machine.type
        self.load = _slow(rng, n)
        slower = 1 - 0.25 * self.severity if fault == "overload" else 1
        wander = kind.wander * (_slow(rng, n) - self.load)
        slower *= _LOADED_SPEED if "load" in shifts else 1
        speed = machine.shaft_hz * slower * (1 + kind.speed_spread * rng.uniform(-1, 1) + wander)
        self.turns: Signal = rng.uniform() + np.cumsum(speed) / SAMPLE_RATE

    def sound(self) -> NDArray[np.float32]:
        kind = self.machine.type
        body = 10 ** (kind.tone / 20) * self._tones() + self._broadband()
        body *= 10 ** (kind.load_db * self.load / 20) / _rms(body)
        if self.fault in _ADDED:
            body += self.severity * _ADDED[self.fault](self)
        if self.fault == "imbalance":
            body *= 1 + 2 * self.severity * np.cos(2 * np.pi * self.turns)
        body *= self._strokes()
        if "load" in self.shifts:
            body *= 10 ** (_LOADED_DB / 20)
        mixed = body + self._workshop()
        gain = 10 ** (self.rng.normal(0, _LEVEL_SPREAD) / 20)
        return np.clip(_RMS * gain * mixed, -1, 1).astype(np.float32)

    def _tones(self) -> Signal:
        """The shaft's harmonics, from a table of one revolution."""
        machine = self.machine
        decibels = self.rng.normal(0, 1, machine.type.harmonics)
        if self.fault == "harmonics":
            quieter = max(0.05, 1 - 4 * self.severity)
            decibels += np.where(machine.is_blade, 20 * np.log10(quieter), 0)
        spectrum = np.zeros(_TABLE // 2 + 1, complex)
        heard = slice(1, machine.type.harmonics + 1)
        spectrum[heard] = machine.harmonics * 10 ** (decibels / 20)
        table = irfft(spectrum)
        return _unit(table)[(self.turns % 1 * _TABLE).astype(np.intp)]

    def _broadband(self) -> Signal:
        kind = self.machine.type
        swell = 1 + kind.pulsation * np.cos(2 * np.pi * kind.blades * self.turns)
        return _unit(_noise(self.rng, self.n, self.machine.colour) * swell)

    def _strokes(self) -> Signal | float:
        """The envelope of a machine that works in strokes: quiet between them."""
        rate = self.machine.type.stroke_hz
        if not rate:
            return 1.0
        start = self.rng.uniform()
        position = (start + rate * np.arange(self.n) / SAMPLE_RATE) % 1
        return 0.1 + 0.9 * np.exp(-4 * position) * np.minimum(1, position * 50)

    def _workshop(self) -> Signal:
        """The background: noise of another colour and level in each clip, and knocks."""
        rng, elsewhere = self.rng, "background" in self.shifts
        colour = _colour(rng)
        hum = _unit(_noise(rng, self.n, self.machine.elsewhere if elsewhere else colour))
        clangs = self.machine.type.clangs + (_ELSEWHERE_CLANGS if elsewhere else 0)
        number = rng.poisson(clangs * self.n / SAMPLE_RATE)
        knocks = np.zeros(self.n)
        knocks[rng.integers(0, self.n, number)] = rng.normal(0, 6, number)
        level = self.machine.type.background + rng.normal(0, _BACKGROUND_SPREAD)
        level += _ELSEWHERE_DB if elsewhere else 0
        return 10 ** (level / 20) * (hum + _ring(knocks, rng.uniform(500, 3000), 0.05))

    def bearing(self) -> Signal:
        """Impacts of the rolling elements on a pit, each making the housing ring."""
        passed = np.floor(self.turns * self.machine.bearing_order)
        strikes = np.flatnonzero(np.diff(passed, prepend=passed[0]))
        strikes = np.clip(strikes + self.rng.normal(0, 8, len(strikes)).astype(int), 0, self.n - 1)
        force = (
            1
            + 0.6 * np.cos(2 * np.pi * self.turns[strikes])
            + self.rng.normal(0, 0.2, len(strikes))
        )
        impacts = np.zeros(self.n)
        impacts[strikes] = force
        return _unit(_ring(impacts, self.machine.resonance_hz, 0.003))

    def imbalance(self) -> Signal:
        """The shaft's own frequency and its double."""
        angle = 2 * np.pi * self.turns
        return 2 * np.cos(angle) + np.cos(2 * angle + 1)

    def rubbing(self) -> Signal:
        """A scrape in the same part of each revolution, coming and going."""
        contact = np.maximum(0, np.cos(2 * np.pi * self.turns)) ** 8
        return _unit(
            _noise(self.rng, self.n, _HISS) * contact * (1 + 0.5 * _slow(self.rng, self.n))
        )

    def overload(self) -> Signal:
        """A growl that goes with the lower speed."""
        return _unit(_noise(self.rng, self.n, _GROWL))


_ADDED: dict[str | None, Callable[[_Take], Signal]] = {
    "bearing": _Take.bearing,
    "imbalance": _Take.imbalance,
    "rubbing": _Take.rubbing,
    "overload": _Take.overload,
}

_BANDS = 2.0 ** np.arange(5, 13.5, 0.5)  # 32 Hz to 5.8 kHz: where noise colours are given
_HISS: Signal = np.where(_BANDS < 1500, -20.0, 0.0)
_GROWL: Signal = np.where((_BANDS < 90) | (_BANDS > 800), -20.0, 0.0)


def _colour(own: Generator) -> Signal:
    """Levels in dB at `_BANDS`: falling, with the bumps of this machine's housing."""
    return -2.0 * np.arange(len(_BANDS)) / 2 + own.normal(0, 4, len(_BANDS))


def _noise(rng: Generator, n: int, colour: Signal) -> Signal:
    """Gaussian noise of a colour, made in the frequency domain."""
    size = next_fast_len(n, real=True)
    frequencies = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    decibels = np.interp(np.log2(np.maximum(frequencies, 1)), np.log2(_BANDS), colour)
    weights = np.where(frequencies < 20, 0, 10 ** (decibels / 20)).astype(np.float32)
    parts = rng.standard_normal(2 * len(frequencies), dtype=np.float32)
    return np.asarray(irfft(parts.view(np.complex64) * weights, size)[:n])


def _ring(impulses: Signal, hertz: float, decay: float) -> Signal:
    """Impulses that each excite a resonance which dies away in `decay` seconds."""
    shrink, angle = np.exp(-1 / (decay * SAMPLE_RATE)), 2 * np.pi * hertz / SAMPLE_RATE
    poles = [1.0, -2 * shrink * np.cos(angle), shrink**2]
    return np.asarray(lfilter([shrink * np.sin(angle)], poles, impulses))


def _slow(rng: Generator, n: int) -> Signal:
    """A smooth random course of unit spread that changes within about a second."""
    knots = rng.standard_normal(n // SAMPLE_RATE + 3)
    return np.interp(np.arange(n) / SAMPLE_RATE + rng.uniform(), np.arange(len(knots)), knots)


def _rms(signal: Signal) -> float:
    return float(np.sqrt(np.mean(signal**2)))


def _unit(signal: Signal) -> Signal:
    return signal / _rms(signal)
