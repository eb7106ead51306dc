"""Networks that forecast the next point of every channel from a window of the past.

Each takes windows `(b, c, w)` to forecasts `(b, c)`; `ForecastModel` makes any of them a detector's
model.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from anomalib_ts.detectors.deep.networks import soft_clip

LEAST_ERROR = 1e-3
"""No channel is forecast better than to so many deviations, however constant it was."""


class ForecastModel(nn.Module):
    """Errors of the forecasts of a network.

    Args:
        network: forecasts the next point.
        channels: of the windows, c.
        prepare: scales windows `(b, c, w + 1)`, past and next point together.

    Attributes:
        error: `(c,)` the typical error of each channel, in what scores are counted; 1 until set.
    """

    error: Tensor

    def __init__(
        self, network: nn.Module, channels: int, prepare: Callable[[Tensor], Tensor] = soft_clip
    ) -> None:
        super().__init__()
        self.network = network
        self.prepare = prepare
        self.register_buffer("error", torch.ones(channels))

    def errors(self, x: Tensor) -> Tensor:
        """How far the last point of windows `(b, c, w + 1)` is from its forecast, `(b, c)`."""
        scaled = self.prepare(x)
        errors: Tensor = scaled[..., -1] - self.network(scaled[..., :-1])
        return errors

    def loss(self, x: Tensor) -> Tensor:
        """The mean squared error of a batch."""
        return self.errors(x).square().mean()

    def scores(self, x: Tensor) -> Tensor:
        """Root mean square over the channels of the errors in typical errors, `(b,)`."""
        scores: Tensor = (self.errors(x) / self.error).square().mean(dim=1).sqrt()
        return scores

    def set_error(self, errors: Tensor) -> None:
        """Take errors `(m, c)` for typical ones, by their root mean square."""
        self.error.copy_(errors.square().mean(dim=0).sqrt().clamp(min=LEAST_ERROR))


class Convolutions(nn.Sequential):
    """Three times a convolution of two points and pooling by two, then a hidden layer of 64."""

    def __init__(self, channels: int, window: int) -> None:
        left = ((window // 2 - 1) // 2 - 1) // 2
        super().__init__(
            nn.ConstantPad1d((0, 1), 0.0),  # the first convolution keeps the length
            *_convolved(channels, 8),
            *_convolved(8, 16),
            *_convolved(16, 32),
            nn.Flatten(),
            nn.Linear(32 * left, 64),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(64, channels),
        )


def _convolved(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv1d(inputs, outputs, 2), nn.ReLU(), nn.MaxPool1d(2)]


class Recurrent(nn.Module):
    """An LSTM of 50 units a layer; its last state gives the forecast.

    Args:
        inputs: channels of its input.
        layers: one upon the other.
        bidirectional: whether a second one reads the window backwards; its last state is that of
            the window's first point.
        head: from the last states `(b, 50)`, or `(b, 100)` of two directions, to the forecast.
    """

    def __init__(
        self, inputs: int, head: nn.Module, *, layers: int = 1, bidirectional: bool = False
    ) -> None:
        super().__init__()
        self.lstm = nn.LSTM(
            inputs, 50, num_layers=layers, bidirectional=bidirectional, batch_first=True
        )
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        """`(b, inputs, w)` to what the head makes of the last states."""
        _, (hidden, _) = self.lstm(x.transpose(1, 2))
        last = hidden[-2:].transpose(0, 1).flatten(1) if self.lstm.bidirectional else hidden[-1]
        forecast: Tensor = self.head(last)
        return forecast


def stacked_lstm(channels: int) -> nn.Module:
    """Two LSTM layers and a linear one."""
    return Recurrent(channels, nn.Linear(50, channels), layers=2)


def bidirectional_lstm(channels: int) -> nn.Module:
    """An LSTM that reads the window from both ends, and a linear layer."""
    return Recurrent(channels, nn.Linear(100, channels), bidirectional=True)


def convolutions_and_lstm(channels: int) -> nn.Module:
    """Two convolutions that keep the length, an LSTM, dropout and a hidden layer of 32."""
    head = nn.Sequential(nn.Dropout(0.5), nn.Linear(50, 32), nn.ReLU(), nn.Linear(32, channels))
    return nn.Sequential(
        nn.Conv1d(channels, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv1d(16, 32, 3, padding=1),
        nn.ReLU(),
        Recurrent(32, head),
    )
