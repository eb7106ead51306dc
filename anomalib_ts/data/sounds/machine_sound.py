"""Generated machine sounds in DCASE 2020 layout: data for demos, tests and controlled studies."""

from __future__ import annotations

import json
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import soundfile
from filelock import FileLock

from anomalib_ts.audio import LogMel
from anomalib_ts.audio.clip_reader import ClipReader
from anomalib_ts.core.digests import text_digest
from anomalib_ts.core.names import pick
from anomalib_ts.core.progress import progress_line
from anomalib_ts.data.sounds.dcase import CACHE, FRONT_END, READER, ClipFile, Dcase
from anomalib_ts.data.sounds.dcase_names import parse_clip_name
from anomalib_ts.data.sounds.machine_synthesis import (
    FAULTS,
    MACHINE_TYPES,
    SAMPLE_RATE,
    SHIFTS,
    Machine,
)
from anomalib_ts.errors import ConfigError, DataNotFoundError

DEMO_TYPES = ["ventilator"]
ALL_FAULTS = list(FAULTS)

_REVISION = 1  # raise it whenever the same settings make other sounds


DomainShift: TypeAlias = Literal["none", "load", "background", "both"]

_SHIFTS: dict[str, tuple[str, ...]] = {
    "none": (),
    "load": ("load",),
    "background": ("background",),
    "both": SHIFTS,
}

DOMAINS = ("source", "target")

_FAULT = "fault_"  # in a name of 2023, before the kind of fault


class PlannedClip(NamedTuple):
    """One clip: its path within the machine type's folder, and what is heard."""

    path: str
    machine: int
    fault: str | None = None
    shifts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """All that decides which sounds are made.

    Attributes:
        n_train: normal training clips of a machine type.
        n_test_normal: normal test clips.
        n_test_anomalous: anomalous test clips.
        n_ids: machines of a type; clips are dealt to them in turn.
        faults: kinds of fault among the anomalous clips, dealt in turn.
        seconds: length of a clip.
        seed: another one makes other recordings of the same machines.
        shifts: what is different in the target domain, some of `SHIFTS`; none for one domain.
        n_train_target: of the training clips, those of the target domain.
    """

    n_train: int
    n_test_normal: int
    n_test_anomalous: int
    n_ids: int
    faults: tuple[str, ...]
    seconds: float
    seed: int
    shifts: tuple[str, ...] = ()
    n_train_target: int = 0

    def __post_init__(self) -> None:
        counts = (self.n_train, self.n_test_normal, self.n_test_anomalous)
        if min(counts) < 0 or sum(counts) == 0:
            raise ConfigError(f"machine_sound: numbers of clips must not be negative: {counts}")
        if self.seed < 0:
            raise ConfigError(f"machine_sound: seed must be at least 0, not {self.seed}")
        if not 1 <= self.n_ids <= 100:
            raise ConfigError(f"machine_sound: n_ids must lie in 1..100, not {self.n_ids}")
        if not 0.1 <= self.seconds <= 600:
            raise ConfigError(f"machine_sound: seconds must lie in 0.1..600, not {self.seconds}")
        if not self.faults or set(self.faults) - set(FAULTS):
            raise ConfigError(
                f"machine_sound: faults must be some of {', '.join(FAULTS)}, not {self.faults}"
            )
        if self.shifts:
            self._check_domains(counts)

    def _check_domains(self, counts: tuple[int, ...]) -> None:
        if not 0 <= self.n_train_target <= self.n_train:
            raise ConfigError(
                "machine_sound: n_train_target are some of the n_train training clips: it must lie "
                f"in 0..{self.n_train}, not {self.n_train_target}"
            )
        if max(counts) > 10_000 * self.n_ids:  # names of clips have four digits
            raise ConfigError(
                "machine_sound: with domain_shift there are at most 10000 clips of a kind a "
                f"machine; take more n_ids than {self.n_ids}, or fewer clips"
            )

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the sounds, and nothing that makes no difference to them."""
        settings = asdict(self)
        if not self.shifts:
            del settings["shifts"], settings["n_train_target"]
        return settings

    @property
    def folder_name(self) -> str:
        """Differs whenever the sounds do."""
        return text_digest(_REVISION, self.settings)[:12]

    def clips(self) -> Iterator[PlannedClip]:
        """Each clip, named as in 2020, or as in 2023 where there are two domains."""
        if self.shifts:
            yield from self._clips_of_domains()
            return
        for part, count in (("train", self.n_train), ("test", self.n_test_normal)):
            for i in range(count):
                machine = i % self.n_ids
                yield PlannedClip(f"{part}/normal_id_{machine:02d}_{i:08d}.wav", machine)
        for i in range(self.n_test_anomalous):
            machine, fault = i % self.n_ids, self.faults[i // self.n_ids % len(self.faults)]
            kind = FAULTS.index(fault) + 1
            yield PlannedClip(f"test/anomaly_id_{machine:02d}_{kind}{i:07d}.wav", machine, fault)

    def _clips_of_domains(self) -> Iterator[PlannedClip]:
        for i in range(self.n_train - self.n_train_target):
            yield self._of_domain(i, "source", "train")
        for i in range(self.n_train_target):
            yield self._of_domain(i, "target", "train")
        for i in range(self.n_test_normal):
            yield self._of_domain(i, DOMAINS[i // self.n_ids % 2], "test")
        for i in range(self.n_test_anomalous):
            # Each kind of fault is in the one domain as often as in the other, within one clip.
            turn, kind = divmod(i // self.n_ids, len(self.faults))
            yield self._of_domain(i, DOMAINS[(turn + kind) % 2], "test", self.faults[kind])

    def _of_domain(self, i: int, domain: str, part: str, fault: str | None = None) -> PlannedClip:
        number, machine = divmod(i, self.n_ids)
        label = f"anomaly_{number:04d}_{_FAULT}{fault}" if fault else f"normal_{number:04d}"
        path = f"{part}/section_{machine:02d}_{domain}_{part}_{label}.wav"
        return PlannedClip(path, machine, fault, self.shifts if domain == "target" else ())


class MachineSound(Dcase):
    """Sounds of rotating machines, made on first use and kept as WAV files (16 kHz, 16 bits).

    Five kinds of fault: bearing (impacts that make the housing ring), imbalance, rubbing, harmonics
    (blades or teeth gone quiet), overload (slower, with a growl). Speed, load, loudness and the
    workshop in the background vary from clip to clip, so loudness alone tells little. The first
    digit of a file's number gives the kind (see `fault_kind`), and so does `Recording.kind`.

    Six types of machine of different difficulty. Mean AUC over 3 ids, one seed, 150 training clips
    and 60 + 60 test clips of 4 s, level not normalised: of a clip's loudness, of the Mahalanobis
    distance of frames, of an autoencoder (5 frames, 128x4-8-128x4, 700 steps), and pooled over the
    ids of a small classifier of blocks that was given 250 labelled anomalies:

    ==========  ========  ===========  ===========  ===========
    type        loudness  Mahalanobis  autoencoder  classifier
    ==========  ========  ===========  ===========  ===========
    centrifuge  .47       .83          .82          .93
    compressor  .51       .83          .78          .80
    ventilator  .50       .83          .71          .90
    gearmotor   .59       .84          .71          .84
    conveyor    .54       .71          .70          .80
    stamper     .60       .74          .62          .72
    ==========  ========  ===========  ===========  ===========

    With `domain_shift` there are two domains, and names, as in DCASE 2023: nearly all training
    clips are of the `source` domain and `n_train_target` of the `target` domain, in which the load
    is another, or the workshop, or both; half of the test clips of each label are of either. The
    kind of fault stands at the end of a file's name.

    These are stand-ins with known causes, no substitute for recordings: a detector that works here
    has shown that it can, not that it does.

    >>> from anomalib_ts.data import MachineSound
    >>> MachineSound(machine_types=["ventilator"], n_train=4).case_names()
    ['ventilator']

    Args:
        root: folder under which the sounds are kept, each set of settings in a folder of its own.
        machine_types: the cases.
        n_train: normal training clips of a machine type.
        n_test_normal: normal test clips.
        n_test_anomalous: anomalous test clips.
        n_ids: machines of a type.
        faults: kinds of fault that occur.
        seconds: length of a clip.
        seed: another one makes other recordings of the same machines.
        domain_shift: what is different in the target domain: `load` (a tenth slower, 3 dB louder),
            `background` (6 dB louder, of another colour, with more knocks), or `both`; `none` for
            one domain.
        n_train_target: of the training clips, those of the target domain, if there is one.
        audio: how files become samples, see `Dcase`.
        spectrogram: how samples become a spectrogram.
        cache: folder in which spectrograms are kept.
        cache_dtype: `float16` halves the cache, at errors up to 0.03 dB.
        jobs: threads that synthesise and compute spectrograms; 0 for one per CPU.

    Raises:
        ConfigError: a setting is out of range.
    """

    def __init__(
        self,
        *,
        root: str = "data/machine_sound",
        machine_types: list[str] = DEMO_TYPES,
        n_train: int = 60,
        n_test_normal: int = 40,
        n_test_anomalous: int = 40,
        n_ids: int = 3,
        faults: list[str] = ALL_FAULTS,
        seconds: float = 3.0,
        seed: int = 0,
        domain_shift: DomainShift = "none",
        n_train_target: int = 6,
        audio: ClipReader = READER,
        spectrogram: LogMel = FRONT_END,
        cache: str = CACHE,
        cache_dtype: Literal["float32", "float16"] = "float32",
        jobs: int = 0,
    ) -> None:
        if domain_shift not in _SHIFTS:
            raise ConfigError(
                f"machine_sound: domain_shift must be one of {', '.join(_SHIFTS)}, not "
                f"{domain_shift!r}"
            )
        shifts = _SHIFTS[domain_shift]
        self.plan = Plan(
            n_train,
            n_test_normal,
            n_test_anomalous,
            n_ids,
            tuple(faults),
            seconds,
            seed,
            shifts,
            n_train_target if shifts else 0,
        )
        self.jobs = jobs
        super().__init__(
            root=str(Path(root) / self.plan.folder_name),
            machine_types=machine_types,
            audio=audio,
            spectrogram=spectrogram,
            cache=cache,
            cache_dtype=cache_dtype,
            jobs=jobs,
            name="machine_sound",
        )

    def case_names(self) -> list[str]:
        """The machine types asked for, made or not.

        Raises:
            DataNotFoundError: there is no such machine type.
        """
        wanted = self.machine_types or []
        return [pick(name, list(MACHINE_TYPES), self.name) for name in wanted]

    def folder(self, case_name: str) -> Path:
        """The folder of a machine type, made if it is not there."""
        folder = self.root / pick(case_name, self.case_names(), self.name)
        if not folder.exists():
            generate(self.plan, case_name, folder, self.jobs)
        return folder

    def kind(self, clip: ClipFile) -> str:
        """The kind of fault, one of `FAULTS`; empty for healthy clips."""
        return fault_kind(clip.name)


def generate(plan: Plan, type_name: str, folder: Path, jobs: int = 0) -> None:
    """Make the clips of a machine type, so that `folder` is either complete or not there.

    A second process waits for the first and finds its work. A clip depends on its type, its name
    and the plan's seed only, so a larger plan has the same clips and more.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if folder.exists():
            return
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            for part in ("train", "test"):
                (temporary / part).mkdir()
            _write_clips(plan, type_name, temporary, jobs)
            (temporary / "settings.json").write_text(json.dumps(plan.settings, indent=2))
            temporary.chmod(0o755)
            temporary.replace(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def fault_kind(name: str) -> str:
    """The kind of fault in a generated clip, by its name: one of `FAULTS`, or `` for healthy.

    Raises:
        DataNotFoundError: the name is not that of a generated clip.
    """
    fields = parse_clip_name(name)
    if fields.split:
        fault = fields.attributes.removeprefix(_FAULT)
        if fields.label and fault not in FAULTS:
            raise DataNotFoundError(f"{name} is not a clip of machine_sound: no fault is {fault!r}")
        return fault if fields.label else ""
    kind = int(fields.number[0])
    if kind > len(FAULTS):
        raise DataNotFoundError(
            f"{name} is not a clip of machine_sound: no fault has number {kind}"
        )
    return FAULTS[kind - 1] if kind else ""


def _write_clips(plan: Plan, type_name: str, folder: Path, jobs: int) -> None:
    clips = list(plan.clips())

    def write(clip: PlannedClip) -> None:
        rng = np.random.default_rng([plan.seed, zlib.crc32(f"{type_name}/{clip.path}".encode())])
        machine = _machine(type_name, clip.machine)
        samples = machine.clip(rng, plan.seconds, clip.fault, clip.shifts)
        soundfile.write(folder / clip.path, samples, SAMPLE_RATE, subtype="PCM_16")

    with (
        ThreadPoolExecutor(jobs or None) as pool,
        progress_line(f"making {type_name}", len(clips)) as report,
    ):
        for done, _ in enumerate(pool.map(write, clips), 1):
            report(done, "")


@lru_cache(maxsize=256)
def _machine(type_name: str, number: int) -> Machine:
    return Machine(type_name, number)
