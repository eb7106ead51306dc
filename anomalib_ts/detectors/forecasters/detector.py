"""The forecasters: each is its network."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from anomalib_ts.detectors.forecasters.base import Forecaster
from anomalib_ts.detectors.forecasters.networks import (
    Convolutions,
    bidirectional_lstm,
    convolutions_and_lstm,
    stacked_lstm,
)
from anomalib_ts.settings.fields import configured


@configured
class Cnn(Forecaster):
    """TSB-UAD's `CNN`: forecasts by three convolutions and a hidden layer.

    What published mode does otherwise is said by `Forecaster`. TSB-UAD's table has 112 series with
    a period of less than 14 points, which its code has no network for; they get windows of 14 here,
    the shortest that can be set.

    >>> import numpy as np
    >>> from anomalib_ts import Cnn, TrainerSettings
    >>> wave = np.sin(np.arange(400) / 5)
    >>> detector = Cnn(window=16, trainer=TrainerSettings(max_steps=2)).fit(wave[:200])
    >>> detector.score(wave[200:]).shape
    (200,)
    """

    shortest: ClassVar[int] = 14

    def _forecasts(self, channels: int) -> nn.Module:
        return Convolutions(channels, self.window_)


@configured
class Lstm(Forecaster):
    """TSB-UAD's `LSTM`: forecasts by two LSTM layers.

    What published mode does otherwise is said by `Forecaster`; it trains for 50 epochs at most.

    >>> import numpy as np
    >>> from anomalib_ts import Lstm, TrainerSettings
    >>> wave = np.sin(np.arange(400) / 5)
    >>> detector = Lstm(window=16, trainer=TrainerSettings(max_steps=2)).fit(wave[:200])
    >>> detector.score(wave[200:]).shape
    (200,)
    """

    published_epochs: ClassVar[int] = 50

    def _forecasts(self, channels: int) -> nn.Module:
        return stacked_lstm(channels)


@configured
class CnnLstm(Forecaster):
    """Forecasts by an LSTM on what two convolutions see.

    The network is a lecture's `Conv1d_LSTM`, in which the layers `fc_layer1` and `fc_layer2` do not
    exist: its two dense layers are meant. It has no activation either, without which two
    convolutions (and two dense layers) are one; here ReLU stands between them. TSB-UAD has no such
    method: published mode only trains and scores it as TSB-UAD does its forecasters.

    >>> import numpy as np
    >>> from anomalib_ts import CnnLstm, TrainerSettings
    >>> wave = np.sin(np.arange(400) / 5)
    >>> detector = CnnLstm(window=16, trainer=TrainerSettings(max_steps=2)).fit(wave[:200])
    >>> detector.score(wave[200:]).shape
    (200,)

    References:
        Han, 1D-CNN and BiLSTM and practice, lecture on deep structured learning in the
        cybersecurity domain, Korea University.
    """

    published_epochs: ClassVar[int] = 50

    def _forecasts(self, channels: int) -> nn.Module:
        return convolutions_and_lstm(channels)


@configured
class BiLstm(Forecaster):
    """Forecasts by an LSTM that reads the past window from both ends.

    Both directions end before the point that is forecast, so that no later point is seen. The
    lecture (see `CnnLstm`) names the network and prints none: one layer of 50 units a direction.
    TSB-UAD has no such method: published mode only trains and scores it as TSB-UAD does its
    forecasters.

    >>> import numpy as np
    >>> from anomalib_ts import BiLstm, TrainerSettings
    >>> wave = np.sin(np.arange(400) / 5)
    >>> detector = BiLstm(window=16, trainer=TrainerSettings(max_steps=2)).fit(wave[:200])
    >>> detector.score(wave[200:]).shape
    (200,)
    """

    published_epochs: ClassVar[int] = 50

    def _forecasts(self, channels: int) -> nn.Module:
        return bidirectional_lstm(channels)
