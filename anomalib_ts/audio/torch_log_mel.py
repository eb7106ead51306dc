"""The log-mel front end as a torch module: on a GPU, in batches, or in front of an exported net."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from anomalib_ts.audio.log_mel import POWER_FLOOR, LogMel, hann_window, mel_filter_bank


class TorchLogMel(nn.Module):
    """`LogMel` for batches of clips; equal to it, and to librosa, to 1e-3 dB.

    The window and the filter bank are buffers: they move with `.to(device)`.

    Args:
        settings: the front end to reproduce.
        sample_rate: of the clips, in Hz.
    """

    window: Tensor
    filter_bank: Tensor

    def __init__(self, settings: LogMel, sample_rate: int) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("window", torch.tensor(hann_window(settings.n_fft)))
        self.register_buffer("filter_bank", torch.tensor(mel_filter_bank(settings, sample_rate)))

    def forward(self, samples: Tensor) -> Tensor:
        """Clips `(batch, n)` to decibels `(batch, 1 + n // hop_length, n_mels)`, both float32.

        The transform runs in double precision, as librosa's. A clip must be
        longer than half a window (torch reflects it at its ends).
        """
        spectrum = torch.stft(
            samples.double(),
            n_fft=self.settings.n_fft,
            hop_length=self.settings.hop_length,
            window=self.window,
            center=True,
            pad_mode="reflect",
            return_complex=True,
        )
        power = spectrum.real**2 + spectrum.imag**2
        mel = (self.filter_bank @ power.float()).transpose(1, 2)
        return 10 * torch.log10(mel.clamp(min=POWER_FLOOR))
