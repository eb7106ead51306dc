"""The fully connected autoencoder of TSB-UAD, as a pure network."""

from __future__ import annotations

from torch import Tensor, nn

from anomalib_ts.detectors.deep.networks import soft_clip
from anomalib_ts.detectors.deep.published import min_max


class MlpAutoencoderModel(nn.Module):
    """Squeezes each window into 16 numbers and rebuilds it: w-32-16-32-w.

    ReLU follows each layer but the last, batch normalisation the first two.

    Args:
        channels: of the windows, c.
        window: points a window, w.
        published: whether windows are scaled to [0, 1] one by one, ReLU follows the last layer,
            too, and a window has one score, its mean absolute error.
    """

    def __init__(self, channels: int, window: int, *, published: bool = False) -> None:
        super().__init__()
        size = channels * window
        self.published = published
        self.layers = nn.Sequential(
            *_normalised(size, 32),
            *_normalised(32, 16),
            nn.Linear(16, 32),
            nn.ReLU(),
            nn.Linear(32, size),
            *([nn.ReLU()] if published else []),
        )

    def errors(self, x: Tensor) -> Tensor:
        """What is rebuilt less what was there, of windows `(b, c, w)`."""
        target = min_max(x) if self.published else soft_clip(x)
        errors: Tensor = self.layers(target.flatten(1)).view_as(target) - target
        return errors

    def loss(self, x: Tensor) -> Tensor:
        """The mean squared error of a batch."""
        return self.errors(x).square().mean()

    def scores(self, x: Tensor) -> Tensor:
        """Mean squared error over the channels `(b, w)`; published: mean absolute error `(b,)`."""
        errors = self.errors(x)
        scores: Tensor = (
            errors.abs().mean(dim=(1, 2)) if self.published else errors.square().mean(dim=1)
        )
        return scores

    def channel_scores(self, x: Tensor) -> Tensor:
        """What each channel adds to the scores if not published, `(b, c, w)`."""
        parts: Tensor = self.errors(x).square() / x.shape[1]
        return parts


def _normalised(inputs: int, outputs: int) -> list[nn.Module]:
    # Keras' defaults, whose running moments follow slowly.
    return [nn.Linear(inputs, outputs), nn.ReLU(), nn.BatchNorm1d(outputs, eps=1e-3, momentum=0.01)]
