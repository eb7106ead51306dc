"""Encoders that were trained elsewhere, each from a local file; they learn nothing here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.digests import read_content
from anomalib_ts.core.files import check_regular
from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.memory.representations import Representation, Rows, Values
from anomalib_ts.errors import AnomalibTsError, ConfigError, DataNotFoundError, InputError
from anomalib_ts.saved.values import storable
from anomalib_ts.settings.fields import configured, setting
from anomalib_ts.settings.trust import check_code_file

Layout: TypeAlias = Literal["bct", "btc", "b1ct", "b1tc", "bt"]

Network: TypeAlias = Callable[[Values], NDArray[Any]]
"""From a batch in the layout that was asked for to features `(b, d, ...)`."""


@configured
class FrozenEncoder(Representation, ABC):
    """Features that a network from a file makes of windows or clips.

    Only the file's place and SHA-256 are kept with a fitted detector, in model files too: whoever
    loads one needs the same file at the same place, and another file there is refused.
    """

    mixed: ClassVar[bool] = True

    file: str | None = setting(None, "the network's file; it must be set")
    sha256: str | None = setting(
        None,
        "the digest that the file must have (64 hex digits), so that results say which network "
        "made them; None for whatever is there",
    )
    of: Literal["window", "recording"] = setting(
        "window", "what is encoded: each window, or the whole recording, such as a clip"
    )
    values: Literal["standardised", "original"] = setting(
        "standardised",
        "what the network is given: values less their mean in training, divided by their deviation "
        "channel by channel, or `original` ones in the unit of the data, such as the decibels that "
        "it was trained on; scores then depend on that unit",
    )
    layout: Layout = setting(
        "bct",
        "how the network takes a batch: b examples of c channels (bands) and t points (frames), 1 "
        "for images of one plane; `bt` for series of one channel",
    )

    @property
    def whole(self) -> bool:
        """As `of` says."""
        return self.of == "recording"

    @property
    def original(self) -> bool:
        """As `values` says."""
        return self.values == "original"

    def learn(self, train: tuple[Recording, ...], window: int, seed: int) -> None:
        """Read the file; nothing else is learnt.

        Raises:
            ConfigError: no file is set, it is not the one that `sha256` names, or no network.
            DataNotFoundError: there is no such file.
            UntrustedError: it may run code, and nobody said that it is trusted.
        """
        del train, window, seed
        self._load(self.sha256)

    def rows(self, windows: Values) -> Rows:
        """Features `(b, d)`, the mean over whatever axes a feature map has beside these.

        Raises:
            InputError: the network refuses such windows, or what it makes of them are no features.
        """
        batch = laid_out(windows, self.layout)
        try:
            features = np.asarray(self.network_(batch))
        except AnomalibTsError:
            raise
        except Exception as error:  # whatever a network of somebody else's raises
            raise InputError(
                f"{self.file} does not take a batch of shape {batch.shape} "
                f"(detector.representation.layout={self.layout}): {_told(error)}"
            ) from None
        if features.ndim < 2 or len(features) != len(windows) or not features[0].size:
            raise InputError(
                f"{self.file} makes an output of shape {features.shape} of {len(windows)} "
                "examples, and must make (examples, features) or (examples, features, ...)"
            )
        rows: Rows = features.reshape(*features.shape[:2], -1).mean(axis=2).astype(np.float32)
        if not np.isfinite(rows).all():
            raise InputError(f"{self.file} makes features that are not finite")
        return rows

    def state(self) -> dict[str, Any]:
        """The file's digest; the network itself stays where it is."""
        return {name: value for name, value in super().state().items() if name != "network_"}

    def restore(self, state: dict[str, Any]) -> None:
        """Read the file that was learnt with."""
        super().restore(state)
        self._load(self.digest_)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "network_"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if "digest_" in state:
            self._load(self.digest_)

    def _load(self, expected: str | None) -> None:
        where = "detector.representation.file"
        if not self.file:
            raise ConfigError(f"{where}: set it to the network's file")
        try:
            if Path(self.file).exists():
                check_regular(self.file)
            content, digest = read_content(self.file)
        except FileNotFoundError:
            raise DataNotFoundError(f"{where}: there is no file {self.file}") from None
        except OSError as error:
            raise ConfigError(f"{where}: cannot read {self.file}: {error.strerror}") from None
        if expected is not None and digest != expected.lower():
            raise ConfigError(
                f"{where}: {self.file} is another file than the one that is wanted: its SHA-256 is "
                f"{digest}, not {expected}"
            )
        self.digest_ = digest
        self.network_ = self._opened(content, where)

    @abstractmethod
    def _opened(self, content: bytes, where: str) -> Network:
        """The network in a file's bytes, whose digest is `digest_`.

        Raises:
            ConfigError: there is none in it.
            UntrustedError: it may run code, and nobody said that it is trusted.
        """


@configured
class Onnx(FrozenEncoder):
    """Features of a frozen network in an ONNX file.

    Needs onnxruntime (`pip install "anomalib-ts[export]"`), and runs on the CPU. The network's
    first output counts. One that was exported for batches of a fixed size is given these.

    >>> Onnx(file="encoder.onnx", of="recording", layout="b1tc").whole
    True
    """

    def _opened(self, content: bytes, where: str) -> Network:
        try:
            import onnxruntime  # noqa: PLC0415 - an extra
        except ImportError:
            raise ConfigError(
                f'{where}: ONNX files need onnxruntime: pip install "anomalib-ts[export]"'
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # the same sums in the same order on every machine
        options.log_severity_level = 4  # what goes wrong is raised
        try:
            # From bytes, so that nothing beside the file itself can be read.
            session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has an exception for each of its codes
            raise ConfigError(
                f"{where}: {self.file} is no ONNX network that can be run: {_told(error)}"
            ) from None
        first, *others = session.get_inputs()
        if others or first.type not in _TYPES:
            taken = ", ".join(f"{one.name}: {one.type}" for one in session.get_inputs())
            raise ConfigError(f"{where}: {self.file} must take one array of floats, not {taken}")
        output, dtype, size = session.get_outputs()[0].name, _TYPES[first.type], first.shape[0]

        def run(batch: Values) -> NDArray[Any]:
            if not isinstance(size, int) or size == len(batch):
                found: NDArray[Any] = session.run([output], {first.name: batch.astype(dtype)})[0]
                return found
            filled = np.resize(np.arange(len(batch)), -(-len(batch) // size) * size)
            parts = [run(batch[part]) for part in filled.reshape(-1, size)]
            return np.concatenate(parts)[: len(batch)]

        return run


_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}


@configured
class TorchScript(FrozenEncoder):
    """Features of a frozen network in a TorchScript file; it must be trusted.

    Such a file is a program: whoever wrote it may read and write files with it. So it is opened
    only if the environment variable `ANOMALIB_TS_ALLOW` lists its digest (`sha256:` and 64 hex
    digits, which the refusal tells). Where there is a choice, take ONNX. It runs on the CPU.

    >>> TorchScript(file="encoder.pt").layout
    'bct'
    """

    def _opened(self, content: bytes, where: str) -> Network:
        check_code_file(str(self.file), self.digest_, where)
        import io  # noqa: PLC0415

        import torch  # noqa: PLC0415

        try:
            load: Any = torch.jit.load  # which has no types
            network = load(io.BytesIO(content), map_location="cpu").eval()
        except Exception as error:  # whatever an odd archive leads to
            raise ConfigError(
                f"{where}: {self.file} is no TorchScript network: {_told(error)}"
            ) from None

        optimised: Any = vars(torch.jit)["optimized_execution"]

        def run(batch: Values) -> NDArray[Any]:
            # Unoptimised: the compiler would round otherwise from the second batch on.
            with torch.no_grad(), optimised(False):
                found: NDArray[Any] = network(torch.from_numpy(batch)).numpy()
            return found

        return run


def laid_out(windows: Values, layout: Layout) -> Values:
    """A batch `(b, c, t)` in another layout, as its own memory.

    >>> laid_out(np.zeros((2, 3, 5), dtype=np.float32), "b1tc").shape
    (2, 1, 5, 3)

    Raises:
        InputError: `bt` is asked for, and there are several channels.
    """
    if layout == "bt":
        if windows.shape[1] != 1:
            raise InputError(
                f"detector.representation.layout=bt takes one channel, not {windows.shape[1]}"
            )
        windows = windows[:, 0]
    if layout.endswith("tc"):
        windows = windows.transpose(0, 2, 1)
    if "1" in layout:
        windows = windows[:, None]
    return np.array(windows, dtype=np.float32, order="C")


def _told(error: Exception) -> str:
    """The line of a message that says what was wrong; before it, TorchScript tells where."""
    return (str(error).strip() or type(error).__name__).split("\n")[-1][:300]


for _kind in (Onnx, TorchScript):
    storable(_kind)
