"""NASNet-A mobile (Zoph et al., 2017) as Keras has it, without its top."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from anomalib_ts.synthetic.judges.layers import SameConv, norm, pad_same

FILTERS, REPEATS, STEM = 44, 4, 32
"""Filters of the first cells, cells of each size, and channels of the stem."""


class Separable(nn.Sequential):
    """Twice: rectify, a convolution of each channel, one across channels, normalise.

    Args:
        channels: of the input.
        filters: of the output.
        kernel: pixels a side.
        stride: of the first.
    """

    def __init__(self, channels: int, filters: int, kernel: int, stride: int = 1) -> None:
        super().__init__(
            *(nn.ReLU(), SameConv(channels, channels, kernel, stride, groups=channels)),
            *(SameConv(channels, filters, 1), norm(filters)),
            *(nn.ReLU(), SameConv(filters, filters, kernel, groups=filters)),
            *(SameConv(filters, filters, 1), norm(filters)),
        )


class Squeeze(nn.Sequential):
    """Rectify, a convolution of single pixels, normalise.

    Args:
        channels: of the input.
        filters: of the output.
    """

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__(nn.ReLU(), SameConv(channels, filters, 1), norm(filters))


class Halve(nn.Module):
    """Every other pixel, and every other one from the second, side by side.

    Args:
        channels: of the input.
        filters: of the output, even.
    """

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.first = SameConv(channels, filters // 2, 1)
        self.second = SameConv(channels, filters // 2, 1)
        self.norm = norm(filters)

    def forward(self, x: Tensor) -> Tensor:
        """`(n, channels, h, w)` to `(n, filters, ceil(h / 2), ceil(w / 2))`."""
        x = x.relu()
        moved = functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        halves = [self.first(x[:, :, ::2, ::2]), self.second(moved[:, :, ::2, ::2])]
        out: Tensor = self.norm(torch.cat(halves, dim=1))
        return out


class Cell(nn.Module):
    """What both kinds of cell begin with: this input and the one before, brought to one size.

    Args:
        channels: of the input.
        before: of the input of the cell before; None where there was none.
        filters: of the cell.
        halve: whether the input of the cell before is twice the size.
    """

    def __init__(self, channels: int, before: int | None, filters: int, halve: bool) -> None:
        super().__init__()
        self.squeeze = Squeeze(channels, filters)
        self.adjust: nn.Module = nn.Identity()
        self.before = before or channels
        if before is not None and halve:
            self.adjust, self.before = Halve(before, filters), filters
        elif before is not None and before != filters:
            self.adjust, self.before = Squeeze(before, filters), filters


class NormalCell(Cell):
    """Keeps the size: `(n, channels, h, w)` to `(n, 6 * filters, h, w)`."""

    def __init__(self, channels: int, before: int | None, filters: int, halve: bool) -> None:
        super().__init__(channels, before, filters, halve)
        self.here_5, self.here_3 = Separable(filters, filters, 5), Separable(filters, filters, 3)
        self.there_5, self.there_3 = Separable(filters, filters, 5), Separable(filters, filters, 3)
        self.there_3_too = Separable(filters, filters, 3)

    def forward(self, x: Tensor, p: Tensor) -> Tensor:
        """This input and that of the cell before to this cell's output."""
        p, h = self.adjust(p), self.squeeze(x)
        parts = [
            p,
            self.here_5(h) + self.there_3(p),
            self.there_5(p) + self.there_3_too(p),
            _mean_of_nine(h) + p,
            2 * _mean_of_nine(p),
            self.here_3(h) + h,
        ]
        return torch.cat(parts, dim=1)


class ReductionCell(Cell):
    """Halves the size: `(n, channels, h, w)` to `(n, 4 * filters, ceil(h / 2), ceil(w / 2))`."""

    def __init__(self, channels: int, before: int | None, filters: int, halve: bool) -> None:
        super().__init__(channels, before, filters, halve)
        self.here_5 = Separable(filters, filters, 5, 2)
        self.there_7 = Separable(self.before, filters, 7, 2)
        self.there_7_too = Separable(self.before, filters, 7, 2)
        self.there_5 = Separable(self.before, filters, 5, 2)
        self.last_3 = Separable(filters, filters, 3)

    def forward(self, x: Tensor, p: Tensor) -> Tensor:
        """This input and that of the cell before to this cell's output."""
        p, h = self.adjust(p), self.squeeze(x)
        padded = pad_same(h, 3, 2)
        greatest = functional.max_pool2d(padded, 3, 2)
        first = self.here_5(h) + self.there_7(p)
        second = greatest + self.there_7_too(p)
        parts = [
            second,
            functional.avg_pool2d(padded, 3, 2) + self.there_5(p),
            _mean_of_nine(first) + second,
            self.last_3(first) + greatest,
        ]
        return torch.cat(parts, dim=1)


class NasNetMobile(nn.Module):
    """`(n, 3, 32, 32)` to `(n, 1056, 1, 1)`, 4,232,978 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, STEM, 3, 2, bias=False), norm(STEM))
        self.cells = nn.ModuleList()
        self._channels: list[int] = [STEM]
        self._halved = False
        self._add(ReductionCell, FILTERS // 4, 1)
        self._add(ReductionCell, FILTERS // 2, 1)
        self._add(NormalCell, FILTERS, REPEATS)
        for factor in (2, 4):
            self._add(ReductionCell, FILTERS * factor, 1)
            self._add(NormalCell, FILTERS * factor, REPEATS)

    def forward(self, x: Tensor) -> Tensor:
        """`(n, 3, h, w)` to `(n, 1056, ceil(h' / 16), ceil(w' / 16))`, h' = (h - 1) // 2."""
        x = before = self.stem(x)
        for cell in self.cells:
            x, before = cell(x, before), x
        return x.relu()

    def _add(self, kind: type[NormalCell | ReductionCell], filters: int, repeats: int) -> None:
        for _ in range(repeats):
            before = self._channels[-2] if len(self._channels) > 1 else None
            self.cells.append(kind(self._channels[-1], before, filters, self._halved))
            self._halved = kind is ReductionCell
            self._channels.append(filters * (4 if self._halved else 6))


def _mean_of_nine(x: Tensor) -> Tensor:
    return functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
