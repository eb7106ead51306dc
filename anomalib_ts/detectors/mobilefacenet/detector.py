"""MobileFaceNet as a detector."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from anomalib_ts.detectors.base import Capabilities
from anomalib_ts.detectors.blocks.batches import FullBatches
from anomalib_ts.detectors.blocks.cut import Bags, Tail
from anomalib_ts.detectors.blocks.detector import BlockDetector
from anomalib_ts.detectors.mobilefacenet.torch_model import MobileFaceNetModel
from anomalib_ts.errors import InputError
from anomalib_ts.recording import Recording
from anomalib_ts.training import TrainerSettings, seeded


class MobileFaceNet(BlockDetector):
    """Learns to tell machines apart; what does not sound like its own machine is anomalous.

    A block's score is the negative log probability of the recording's machine id. A recording
    without one is compared with the machine it resembles most. Needs training recordings of
    several machines, and works as far as telling them apart takes what a fault would change.

    Args:
        window: points a block.
        stride: points between two blocks, in [1, window], in training as in scoring; None for
            blocks side by side.
        tail: what becomes of points after the last whole block: `overlap`, `pad` or `drop`.
        width: feature maps of the first layer.
        embedding: numbers a block is embedded in.
        batch_size: blocks a training step, at least 2.
        learning_rate: of Adam.
        seed: of the initial weights and the order of the blocks.
        trainer: how long and on what to train; None for the defaults.

    Attributes:
        model_: the trained network, on the CPU.
        machine_ids_: `(k,)` the machines it knows, sorted.

    References:
        Chen et al., MobileFaceNets: efficient CNNs for accurate real-time face verification on
        mobile devices, CCBR, 2018.
        Deng et al., ArcFace: additive angular margin loss for deep face recognition, CVPR, 2019.
        Zhou, ArcFace based sound MobileNets for DCASE 2020 task 2, technical report, 2020.
    """

    capabilities = Capabilities(needs_machine_ids=True)
    version: ClassVar[int] = 3
    model_: MobileFaceNetModel

    def __init__(
        self,
        window: int = 32,
        *,
        stride: int | None = None,
        tail: Tail = "overlap",
        width: int = 64,
        embedding: int = 128,
        batch_size: int = 64,
        learning_rate: float = 1e-3,
        seed: int = 0,
        trainer: TrainerSettings | None = None,
    ) -> None:
        super().__init__(
            window,
            stride=stride,
            tail=tail,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
            trainer=trainer,
        )
        self.width = width
        self.embedding = embedding

    def _learn(self, train: tuple[Recording, ...], blocks: Bags) -> nn.Module:
        self.machine_ids_, classes = _machines(train)
        if all((recording.values == train[0].values[0]).all() for recording in train):
            raise InputError("the training recordings are all constant: no machine can be told")
        with seeded(self.seed):
            model = MobileFaceNetModel(
                train[0].channels,
                self.window,
                width=self.width,
                embedding=self.embedding,
                machines=len(self.machine_ids_),
            )
        batches = FullBatches(blocks, self.batch_size, self.seed, classes)
        self._train(model, model.loss, batches, stage="MobileFaceNet")
        return model

    def _scorer(self, recording: Recording) -> Callable[[Tensor], Tensor]:
        if not recording.machine_id:
            return lambda x: self.model_.misfits(x).amin(dim=1)
        known = self.machine_ids_.tolist()
        if recording.machine_id not in known:
            raise InputError(
                f"{recording.name} is of machine {recording.machine_id!r}, which was not among the "
                f"training recordings (machines {', '.join(known)}); train on it too, or use a "
                "detector that does not tell machines apart"
            )
        own = known.index(recording.machine_id)
        return lambda x: self.model_.misfits(x)[:, own]


def _machines(train: tuple[Recording, ...]) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """The machine ids, sorted, and the number of each recording's."""
    nameless = [recording.name for recording in train if not recording.machine_id]
    if nameless:
        raise InputError(f"{nameless[0]} has no machine id, and MobileFaceNet learns from those")
    ids, classes = np.unique([recording.machine_id for recording in train], return_inverse=True)
    return ids, classes.astype(np.int64)
