"""Loggers and callbacks of somebody's own, named in settings by their `_target_`."""

import os

from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import CSVLogger


class Interrupts(CSVLogger):
    """A logger that ends the training when it is told of a step, as Ctrl-C or a kill would."""

    def __init__(self, save_dir: str, stage: str, at: str, step: int, kill: bool = False) -> None:
        super().__init__(save_dir)
        self._ends = stage == at
        self._step = step
        self._kill = kill

    def log_metrics(self, metrics, step=None):
        if self._ends and step is not None and step + 1 >= self._step:
            if self._kill:
                os._exit(9)
            raise KeyboardInterrupt


class Counts(Callback):
    """Counts the steps of every training in this process."""

    steps = 0

    def __init__(self, by: int = 1) -> None:
        self._by = by

    def on_train_batch_end(self, *_):
        Counts.steps += self._by
