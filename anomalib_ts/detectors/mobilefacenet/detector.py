"""MobileFaceNet as a detector."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.base import Capabilities
from anomalib_ts.detectors.deep.base import DeepDetector
from anomalib_ts.detectors.deep.batches import FullBatches
from anomalib_ts.detectors.mobilefacenet.torch_model import MobileFaceNetModel
from anomalib_ts.errors import InputError
from anomalib_ts.settings.fields import configured, setting


@configured
class MobileFaceNet(DeepDetector[MobileFaceNetModel]):
    """Learns to tell machines apart; what does not sound like its own machine is anomalous.

    A window's score is the negative log probability of the recording's machine id. A recording
    without one is compared with the machine it resembles most. Needs training recordings of
    several machines, and works as far as telling them apart takes what a fault would change.

    >>> import numpy as np
    >>> from anomalib_ts import MobileFaceNet, Recording, TrainerSettings
    >>> noise = np.random.default_rng(0).random((4, 32, 16))
    >>> clips = [Recording(x, machine_id=f"0{i % 2}") for i, x in enumerate(noise)]
    >>> quick = TrainerSettings(max_steps=2)
    >>> detector = MobileFaceNet(window=16, batch_size=4, trainer=quick)
    >>> detector.fit(clips).score(clips[0]).shape
    (32,)

    References:
        Chen et al., MobileFaceNets: efficient CNNs for accurate real-time face verification on
        mobile devices, CCBR, 2018.
        Deng et al., ArcFace: additive angular margin loss for deep face recognition, CVPR, 2019.
        Zhou, ArcFace based sound MobileNets for DCASE 2020 task 2, technical report, 2020.
    """

    capabilities = Capabilities(needs_machine_ids=True, blames_correlated=False)
    version: ClassVar[int] = 3

    width: int = setting(64, "feature maps of the first layer", at_least=1)
    embedding: int = setting(128, "numbers a window is embedded in", at_least=1)
    batch_size: int = setting(64)

    def _network(self, train: tuple[Recording, ...]) -> MobileFaceNetModel:
        return MobileFaceNetModel(
            train[0].channels,
            self.window,
            width=self.width,
            embedding=self.embedding,
            machines=len(_machines(train)[0]),
        )

    def _learn(
        self, network: MobileFaceNetModel, windows: Windows, train: tuple[Recording, ...]
    ) -> None:
        self.machine_ids_, machines = _machines(train)
        if all((recording.values == train[0].values[0]).all() for recording in train):
            raise InputError("the training recordings are all constant: no machine can be told")
        of_windows = machines[np.searchsorted(windows.ends, windows.starts, side="right")]
        batches = FullBatches(windows, self.batch_size, self.seed, of_windows)
        self._train(network, network.loss, batches, stage="MobileFaceNet")

    def _scores(self, recording: Recording, x: Tensor) -> Tensor:
        misfits = self.model_.misfits(x)
        if not recording.machine_id:
            return misfits.amin(dim=1)
        known = self.machine_ids_.tolist()
        if recording.machine_id not in known:
            raise InputError(
                f"{recording.name} is of machine {recording.machine_id!r}, which was not among the "
                f"training recordings (machines {', '.join(known)}); train on it too, or use a "
                "detector that does not tell machines apart"
            )
        return misfits[:, known.index(recording.machine_id)]


def _machines(train: tuple[Recording, ...]) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """The machine ids, sorted, and the number of each recording's."""
    nameless = [recording.name for recording in train if not recording.machine_id]
    if nameless:
        raise InputError(f"{nameless[0]} has no machine id, and MobileFaceNet learns from those")
    ids, classes = np.unique([recording.machine_id for recording in train], return_inverse=True)
    return ids, classes.astype(np.int64)
