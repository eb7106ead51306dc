"""Detectors that fail in every way a program can; the framework has to survive each."""

import ctypes
import os
import time

import numpy as np

from anomalib_ts.detectors.base import Detector


class _Fine(Detector):
    def _fit(self, train):
        pass

    def _score(self, recording):
        return np.zeros(len(recording))


class Raises(_Fine):
    def _fit(self, train):
        raise RuntimeError("planted failure")


class Sleeps(_Fine):
    def _fit(self, train):
        time.sleep(600)


class Exits(_Fine):
    def _fit(self, train):
        os._exit(7)


class Segfaults(_Fine):
    def _fit(self, train):
        ctypes.string_at(0)


class Allocates(_Fine):
    def _fit(self, train):
        hoard = []
        while True:
            hoard.append(np.ones(2_000_000))
            time.sleep(0.01)


class RunsOutOfMemory(_Fine):
    def _fit(self, train):
        np.ones(2**48)


class ShortScores(_Fine):
    def _score(self, recording):
        return np.zeros(len(recording) - 1)
