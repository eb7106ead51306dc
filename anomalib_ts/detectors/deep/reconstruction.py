"""What detectors that rebuild windows with fully connected layers have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

from anomalib_ts.detectors.deep.base import DeepDetector
from anomalib_ts.detectors.deep.networks import DenseAutoencoderModel
from anomalib_ts.detectors.scaling import Scaling
from anomalib_ts.settings.fields import configured, setting

Network = TypeVar("Network", bound=DenseAutoencoderModel)


@configured
class DenseReconstruction(DeepDetector[Network]):
    """Scores windows by their mean squared error, in the squared unit of the data."""

    width: int = setting(
        128, "features of the four hidden layers before and after the latent layer", at_least=1
    )
    latent: int = setting(8, "features of the latent layer", at_least=1)
    scaling: Scaling = setting(
        "common",
        "`common` divides all channels by one deviation, so that scores are in the squared unit of "
        "the input (dB^2 for spectrograms); `channel` divides each by its own, which channels of "
        "different units need, and scores in squared deviations",
    )

    @property
    def _unit(self) -> float:
        return self.scaler_.unit**2

    @property
    def _channel_scores(self) -> Callable[[Tensor], Tensor] | None:
        return self.model_.channel_errors

    @property
    def _scaling(self) -> Scaling:
        return self.scaling
