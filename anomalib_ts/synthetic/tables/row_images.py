"""Rows of a table as small images, and back, as the paper on intrusion data makes them.

A value x becomes y in [0, 255] by a bijection of the real line: 255 (atan(x) / pi + 1/2) or
255 (tanh(x) + 1) / 2. Its integer pixel is floor(y); columns that get a fraction pixel keep
floor(255 (y - floor(y))), too. Symbols are their codes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.names import nearest
from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.settings.fields import check_settings, configured, setting
from anomalib_ts.synthetic.tables.table import IntArray, Schema, Table

Bijection = Literal["atan", "tanh", "log_atan"]
Layout = Literal["grouped", "interleaved"]
Pixels = NDArray[np.uint8]

PADDING = 255
FARTHEST = 1e100
"""From 0, that a pixel is decoded to: with `log_atan` the last ones stand for more than floats."""

_ROUNDING = 1e-10
"""Of y, that evaluating it may cost."""


@configured
class ImageSettings:
    """Which images are made of rows; `of` makes them for a schema.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"bytes": [0.0, 491.0], "flag": ["SF", "REJ"], "y": [0, 1]})
    >>> ImageSettings(expand=4).of(Schema.of([frame], "y")).side
    2
    """

    bijection: Bijection = setting("atan", "from numbers to [0, 255]")
    layout: Layout = setting(
        "grouped", "all integer pixels before all fractions, or each fraction after its integer"
    )
    expand: int = setting(
        1, "pixels a side that each becomes; 4 makes 32 x 32 of 8 x 8", at_least=1
    )

    def of(self, schema: Schema, fractions: Sequence[str] | None = None) -> RowImages:
        """The images of a schema's rows, see `RowImages`."""
        check_settings(self)
        return RowImages(
            schema,
            self.bijection,
            fractions=fractions,
            layout=self.layout,
            expand=self.expand,
        )


def _signed_log(x: FloatArray) -> FloatArray:
    return np.asarray(np.sign(x) * np.log1p(np.abs(x)))


def _signed_exp(x: FloatArray) -> FloatArray:
    with np.errstate(over="ignore"):
        return np.asarray(np.sign(x) * np.expm1(np.abs(x)))


_UNIT: dict[str, Callable[[FloatArray], FloatArray]] = {
    "atan": lambda x: np.arctan(x) / np.pi + 0.5,
    "tanh": lambda x: (np.tanh(x) + 1) / 2,
    "log_atan": lambda x: np.arctan(_signed_log(x)) / np.pi + 0.5,
}
_INVERSE: dict[str, Callable[[FloatArray], FloatArray]] = {
    "atan": lambda u: np.tan((u - 0.5) * np.pi),
    "tanh": lambda u: np.arctanh(2 * u - 1),
    "log_atan": lambda u: _signed_exp(np.tan((u - 0.5) * np.pi)),
}


class RowImages:
    """The images of the rows of one schema: one size, one pixel a value.

    `atan` and `tanh` lose what the tails hold: all transfers of 1,000 bytes and more share 21
    integer pixels with `atan`, and with `tanh` everything above 19 is one value. `log_atan`, the
    arc tangent of sign(x) log(1 + |x|), keeps them apart.

    >>> import numpy as np
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"bytes": [0.0, 491.0], "flag": ["SF", "REJ"], "y": [0, 1]})
    >>> schema = Schema.of([frame], "y")
    >>> images = RowImages(schema).encode(schema.read(frame, "rows"))
    >>> images.tolist()
    [[[127, 127], [127, 255]], [[254, 191], [212, 255]]]

    Args:
        schema: of the tables.
        bijection: from numbers to [0, 255].
        fractions: columns of numbers that get a fraction pixel; None for all of them.
        layout: `grouped` (all integer pixels, then all fraction pixels) or `interleaved` (each
            fraction after its integer). What is left of the square is 255.
        expand: each pixel becomes a square of that many pixels a side.

    Attributes:
        side: of the images in pixels, before they are expanded.

    Raises:
        ConfigError: a setting is none of its choices, or a fraction's column is not of numbers.
    """

    def __init__(
        self,
        schema: Schema,
        bijection: Bijection = "atan",
        *,
        fractions: Sequence[str] | None = None,
        layout: Layout = "grouped",
        expand: int = 1,
    ) -> None:
        for name, value, known in (
            ("bijection", bijection, get_args(Bijection)),
            ("layout", layout, get_args(Layout)),
        ):
            if value not in known:
                raise ConfigError(f"{name} must be {' or '.join(known)}, not {value!r}")
        if expand < 1:
            raise ConfigError(f"expand must be at least 1, not {expand}")
        self.schema = schema
        self.expand = expand
        numbers = [c for c, s in zip(schema.columns, schema.symbols, strict=True) if s is None]
        chosen = numbers if fractions is None else list(fractions)
        if odd := [column for column in chosen if column not in numbers]:
            raise ConfigError(f"no column of numbers {odd[0]!r}; {nearest(odd[0], numbers)}")
        self._with_fraction = np.isin(schema.columns, chosen)
        self._integers, self._fractions = self._places(layout)
        self._used = len(self._integers) + len(self._fractions)
        self.side = int(np.ceil(np.sqrt(self._used)))
        self._unit, self._inverse = _UNIT[bijection], _INVERSE[bijection]
        self._code_pixels = {
            place: np.floor(255 * self._unit(np.arange(len(symbols), dtype=np.float64)))
            for place, symbols in enumerate(schema.symbols)
            if symbols is not None
        }

    def encode(self, table: Table) -> Pixels:
        """`(n, side * expand, side * expand)` images of a table's rows."""
        y = 255 * self._unit(table.values)
        integers = np.floor(y).clip(0, 255)
        pixels = np.full((len(table), self.side**2), PADDING, dtype=np.uint8)
        pixels[:, self._integers] = integers
        fractions = np.floor(255 * (y - integers)).clip(0, 255)
        pixels[:, self._fractions] = fractions[:, self._with_fraction]
        return self.expanded(pixels.reshape(-1, self.side, self.side))

    def expanded(self, images: Pixels) -> Pixels:
        """`(n, side, side)` images with each pixel made a square of `expand` pixels a side."""
        return np.asarray(np.kron(images, np.ones((1, self.expand, self.expand), dtype=np.uint8)))

    def decode(self, images: Pixels, labels: IntArray) -> Table:
        """The table that images are of: numbers from the middle of what shares their pixels.

        Whole numbers are rounded. Of symbols that share a pixel, the first is given. What is lost
        is what `bounds` says.

        Args:
            images: of any pixels, also of none that a row has.
            labels: `(n,)` codes.

        Raises:
            InputError: the images have another size.
        """
        low, high = self._interval(images)
        values = self._inverse((low + high) / 2 / 255).clip(-FARTHEST, FARTHEST)
        flat = self._flat(images)[:, self._integers]
        for place, known in self._code_pixels.items():
            differences = np.abs(flat[:, place, None].astype(np.float64) - known)
            values[:, place] = differences.argmin(axis=1)
        return Table(self.schema, self.schema.nearest_legal(values), labels)

    def bounds(self, images: Pixels) -> tuple[FloatArray, FloatArray]:
        """Two `(n, c)`: the least and the greatest value that each pixel may stand for.

        Infinite at the ends of the range, where values run together.
        """
        low, high = self._interval(images)
        with np.errstate(divide="ignore"):
            least = self._inverse((low - _ROUNDING).clip(0, 255 * (1 - 2**-50)) / 255)
            greatest = self._inverse((high + _ROUNDING).clip(0, 255) / 255)
        least[low <= 0] = -np.inf
        greatest[high >= 255 - _ROUNDING] = np.inf
        return least, greatest

    def _interval(self, images: Pixels) -> tuple[FloatArray, FloatArray]:
        """Two `(n, c)`: between which y lies; 255 itself shares the interval below it."""
        flat = self._flat(images).astype(np.float64)
        low = flat[:, self._integers]
        width = np.where(self._with_fraction, 1 / 255, 1.0)
        low[:, self._with_fraction] += flat[:, self._fractions] / 255
        low = np.minimum(low, 255 - 1 / 255)
        return low, np.minimum(low + width, 255)

    def _flat(self, images: Pixels) -> Pixels:
        wanted = self.side * self.expand
        if images.ndim != 3 or images.shape[1:] != (wanted, wanted):
            raise InputError(f"images are of {wanted} x {wanted} pixels, not of {images.shape}")
        return images[:, :: self.expand, :: self.expand].reshape(len(images), -1)

    def _places(self, layout: Layout) -> tuple[IntArray, IntArray]:
        """Where the integer pixels lie, and the fraction pixels."""
        count = len(self.schema.columns)
        if layout == "grouped":
            return np.arange(count), count + np.arange(self._with_fraction.sum())
        fractions = self._with_fraction.astype(np.int64)
        integers = np.arange(count) + np.cumsum(fractions) - fractions
        return integers, integers[self._with_fraction] + 1
