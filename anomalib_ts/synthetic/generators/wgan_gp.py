"""A conditional Wasserstein GAN with gradient penalty on the pixels of row images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.settings.fields import configured, setting
from anomalib_ts.synthetic.generators.base import Generator
from anomalib_ts.synthetic.tables.row_images import RowImages
from anomalib_ts.synthetic.tables.table import IntArray, Table

NOISE, EMBEDDED = 32, 16


@configured
class WganGp(Generator):
    """WGAN-GP (Gulrajani et al., NeurIPS 2017), one for all labels by an embedding of the label.

    Generator 48-128-256-pixels, critic pixels+16-256-128-1, batches with labels drawn evenly, so
    that rare ones are learnt, too. The paper does not say what its WGAN is. `bind` says which
    images; without it they are of arc tangents with a fraction of each number.
    """

    steps: int = setting(1500, "of the generator", at_least=1)
    batch_size: int = setting(256, "rows a step", at_least=2)
    critic_steps: int = setting(3, "of the critic before each of the generator", at_least=1)
    penalty: float = setting(10.0, "weight of the gradient penalty", at_least=0)
    learning_rate: float = setting(2e-4, "of Adam", above=0)

    def bind(self, images: RowImages, watch: Callable[[int], None] | None = None) -> WganGp:
        """Learn these images; `watch` is called with the number of each step, and may sample."""
        self._images, self._watch = images, watch
        return self

    def _fit(self, train: Table) -> None:
        if not hasattr(self, "_images"):
            self.bind(RowImages(train.schema))
        images, watch = self._images, self._watch or (lambda _: None)
        whole = images.encode(train)[:, :: images.expand, :: images.expand]
        pixels = torch.from_numpy(whole.reshape(len(train), -1)).float() / 127.5 - 1
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            labels = len(train.schema.labels)
            self._maker = _Conditional(NOISE, labels, (128, 256), pixels.shape[1])
            critic = _Conditional(pixels.shape[1], labels, (256, 128), 1)
            self._train_both(critic, pixels, _by_label(train), watch)

    def _train_both(
        self, critic: nn.Module, pixels: Tensor, rows: list[Tensor], watch: Callable[[int], None]
    ) -> None:
        betas = (0.0, 0.9)
        of_maker = torch.optim.Adam(self._maker.parameters(), self.learning_rate, betas)
        of_critic = torch.optim.Adam(critic.parameters(), self.learning_rate, betas)
        for step in range(1, self.steps + 1):
            for _ in range(self.critic_steps):
                real, labels = self._batch(pixels, rows)
                with torch.no_grad():
                    fake = self._made(labels)
                loss = critic(fake, labels).mean() - critic(real, labels).mean()
                _step(of_critic, loss + self.penalty * _slope_penalty(critic, real, fake, labels))
            labels = self._batch(pixels, rows)[1]
            _step(of_maker, -critic(self._made(labels), labels).mean())
            watch(step)

    def _batch(self, pixels: Tensor, rows: list[Tensor]) -> tuple[Tensor, Tensor]:
        there = torch.tensor([label for label, found in enumerate(rows) if len(found)])
        labels = there[torch.randint(len(there), (self.batch_size,))]
        drawn = [rows[label][torch.randint(len(rows[label]), ())] for label in labels.tolist()]
        return pixels[torch.stack(drawn)], labels

    def _made(self, labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        noise = torch.randn(len(labels), NOISE, generator=generator)
        made: Tensor = self._maker(noise, labels).tanh()
        return made

    @torch.no_grad()
    def _sample(self, labels: IntArray, rng: np.random.Generator) -> FloatArray:
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        made = self._made(torch.from_numpy(labels), generator)
        pixels = ((made + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()
        side = self._images.side
        images = self._images.expanded(pixels.reshape(-1, side, side))
        values: FloatArray = self._images.decode(images, labels).values
        return values


class _Conditional(nn.Module):
    """Dense layers on an input and the embedding of a label."""

    def __init__(self, width: int, labels: int, hidden: tuple[int, int], outputs: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(labels, EMBEDDED)
        self.layers = nn.Sequential(
            *(nn.Linear(width + EMBEDDED, hidden[0]), nn.LeakyReLU(0.2)),
            *(nn.Linear(hidden[0], hidden[1]), nn.LeakyReLU(0.2)),
            nn.Linear(hidden[1], outputs),
        )

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        out: Tensor = self.layers(torch.cat([x, self.embedding(labels)], dim=1))
        return out


def _by_label(train: Table) -> list[Tensor]:
    """The rows of each label."""
    labels = range(len(train.schema.labels))
    return [torch.from_numpy(np.flatnonzero(train.labels == label)) for label in labels]


def _slope_penalty(critic: nn.Module, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor:
    """How far the critic's slope is from 1, between real and made rows."""
    share = torch.rand(len(real), 1)
    between = (share * real + (1 - share) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between, labels).sum(), between, create_graph=True)
    penalty: Tensor = (slope.norm(dim=1) - 1).square().mean()
    return penalty


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    optimiser.step()
