"""Machine sounds in the folder layout of DCASE Task 2."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from anomalib_ts.data.audio import SOUND_SUFFIXES, ClipReader
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.data.dcase_names import ClipName, Truth, parse_clip_name, read_ground_truth
from anomalib_ts.data.digests import text_digest
from anomalib_ts.errors import AnomalibTsWarning, DataNotFoundError, InputError
from anomalib_ts.names import pick
from anomalib_ts.recording import FloatArray, Recording
from anomalib_ts.spectrogram import ClipSpectrogram, LogMel, SpectrogramCache

PART_FOLDERS = {"train": ("train",), "test": ("test", "source_test", "target_test")}
"""Folders of a machine type's two parts; 2021's data has a test folder for each domain."""

CACHE = "data/spectrograms"
READER = ClipReader()
FRONT_END = LogMel()

_CLIPPED = 1e-3  # clips with more of their samples than this at full scale are worth a warning


@dataclass(frozen=True)
class ClipFile:
    """A clip on disk: where it is, which part it belongs to, and what its name says."""

    path: Path
    part: str
    fields: ClipName

    @property
    def name(self) -> str:
        """Its path from the folder of the machine type: train and test may share file names."""
        return f"{self.path.parent.name}/{self.path.name}"


class Dcase(DataSet):
    """Clips in folders `<root>/<machine type>/{train,test}`: a case is a machine type.

    File names are those of DCASE Task 2, of any year (see `dcase_names`); the task is
    described by Koizumi et al. (DCASE Workshop 2020). A recording is a clip's log-mel spectrogram,
    `(frames, mels)` in dB, with the clip's label, machine id (or section) and domain. A case is
    held in memory whole, at 160 kB per clip of 10 s with the default settings (4,000 clips:
    640 MB).

    Args:
        root: folder with a folder for each machine type.
        machine_types: the cases, by folder name; all there are by default.
        machine_ids: the machines (or sections) to keep, as two digits; all by default.
        ground_truth: the organisers' table of withheld test labels, or a folder of such tables.
        audio: how files become samples.
        spectrogram: how samples become a spectrogram.
        cache: folder in which spectrograms are kept.
        cache_dtype: `float16` halves the cache, at errors up to 0.03 dB.
        jobs: threads that compute spectrograms; 0 for one per CPU.
        name: what results call the data set.
    """

    def __init__(
        self,
        root: str,
        *,
        machine_types: list[str] | None = None,
        machine_ids: list[str] | None = None,
        ground_truth: str | None = None,
        audio: ClipReader = READER,
        spectrogram: LogMel = FRONT_END,
        cache: str = CACHE,
        cache_dtype: Literal["float32", "float16"] = "float32",
        jobs: int = 0,
        name: str = "dcase",
    ) -> None:
        self.name = name
        self.root = Path(root).expanduser()
        self.machine_types = machine_types
        self.machine_ids = machine_ids
        self.ground_truth = ground_truth
        self.spectrograms = SpectrogramCache(
            Path(cache).expanduser(), audio, spectrogram, cache_dtype, jobs
        )

    def case_names(self) -> list[str]:
        """The machine types, sorted, or those asked for.

        Raises:
            DataNotFoundError: there are none, or one that was asked for is not there.
        """
        parts = [folder for folders in PART_FOLDERS.values() for folder in folders]
        found = sorted({path.parent.name for part in parts for path in self.root.glob(f"*/{part}")})
        if not found:
            raise DataNotFoundError(
                f"{self.root}: no folder <machine type>/train or <machine type>/test in it; "
                "data.root must hold machine types as in DCASE Task 2"
            )
        if self.machine_types is None:
            return found
        return [pick(name, found, str(self.root)) for name in self.machine_types]

    def load(self, case_name: str) -> Case:
        """Load a machine type.

        Raises:
            DataNotFoundError: it is not there or has no clips.
            InputError: clips cannot be read, names cannot be parsed, test labels are missing, or
                a training clip is also a test clip.
        """
        clips = self.clips(case_name)
        files = [clip.path for clip in clips]
        _refuse_leak(self.folder(case_name), clips, self.spectrograms.digests(files))
        sounds = self.spectrograms.load(files)
        _warn_of_flaws(case_name, clips, sounds)
        period = self.spectrograms.front_end.hop_length / self.spectrograms.reader.sample_rate
        recordings = [
            _recording(clip, sound, period, self.kind(clip))
            for clip, sound in zip(clips, sounds, strict=True)
        ]
        pairs = list(zip(clips, recordings, strict=True))
        return Case(
            name=case_name,
            train=tuple(recording for clip, recording in pairs if clip.part == "train"),
            test=tuple(recording for clip, recording in pairs if clip.part == "test"),
        )

    def fingerprint(self, case_name: str) -> str:
        """Digest of the files' contents, their names and labels, and the front end's settings."""
        clips = self.clips(case_name)
        digests = self.spectrograms.digests([clip.path for clip in clips])
        described = [(c.name, c.fields, d) for c, d in zip(clips, digests, strict=True)]
        return text_digest(self.spectrograms.key, described)

    def kind(self, clip: ClipFile) -> str:
        """The kind of anomaly in a clip; empty for normal clips and where no one knows."""
        del clip
        return ""

    def folder(self, case_name: str) -> Path:
        """The folder of a machine type.

        Raises:
            DataNotFoundError: it is not there.
        """
        return self.root / pick(case_name, self.case_names(), str(self.root))

    def file(self, case_name: str, recording_name: str) -> Path:
        """The sound file of a recording, see `ClipFile.name`."""
        return self.root / case_name / recording_name

    def frequencies(self) -> FloatArray:
        """`(n_mels,)` centre frequency of each mel band, in Hz."""
        return self.spectrograms.front_end.frequencies(self.spectrograms.reader.sample_rate)

    def clips(self, case_name: str) -> list[ClipFile]:
        """The files of a machine type, train before test, each part sorted by name.

        Raises:
            DataNotFoundError: there are none.
            InputError: a name cannot be parsed or contradicts its folder, or a label is missing.
        """
        folder = self.folder(case_name)
        clips = [
            clip
            for part in PART_FOLDERS
            for clip in _clips_of(folder, part)
            if self.machine_ids is None or clip.fields.machine_id in self.machine_ids
        ]
        if not clips:
            of_ids = f" of the machines {', '.join(self.machine_ids)}" if self.machine_ids else ""
            raise DataNotFoundError(f"{folder}: no sound files{of_ids} in train/ or test/")
        return self._labelled(case_name, clips)

    def _labelled(self, case_name: str, clips: list[ClipFile]) -> list[ClipFile]:
        truth = read_ground_truth(self.ground_truth) if self.ground_truth else {}
        clips = [_with_label(clip, truth.get((case_name, clip.path.stem))) for clip in clips]
        unknown = [clip for clip in clips if clip.fields.label is None]
        if unknown:
            raise InputError(
                f"{case_name}: no label for {len(unknown)} test clips, first {unknown[0].name}; "
                "set data.ground_truth to the organisers' table of labels"
            )
        return clips


def _clips_of(folder: Path, part: str) -> list[ClipFile]:
    files = sorted(
        file
        for name in PART_FOLDERS[part]
        for file in (folder / name).glob("*")
        if file.suffix.lower() in SOUND_SUFFIXES and not file.name.startswith(".")
    )
    clips = [ClipFile(file, part, parse_clip_name(str(file))) for file in files]
    for clip in clips:
        if clip.fields.split not in ("", part):
            raise InputError(
                f"{clip.path}: named as a {clip.fields.split} clip, but it lies in the {part} part"
            )
    return clips


def _with_label(clip: ClipFile, truth: Truth | None) -> ClipFile:
    """Withheld labels filled in: of test clips from the table, of training clips as normal."""
    fields = clip.fields
    if fields.label is not None:
        return clip
    if clip.part == "train":
        return replace(clip, fields=replace(fields, label=0))
    if truth is None:
        return clip
    domain = fields.domain or truth.domain
    return replace(clip, fields=replace(fields, label=truth.label, domain=domain))


def _refuse_leak(folder: Path, clips: Sequence[ClipFile], digests: Sequence[str]) -> None:
    known = {d: c for c, d in zip(clips, digests, strict=True) if c.part == "train"}
    leaked = [
        (known[digest], clip)
        for clip, digest in zip(clips, digests, strict=True)
        if clip.part == "test" and digest in known
    ]
    if leaked:
        trained, tested = leaked[0]
        raise InputError(
            f"{folder}: {len(leaked)} test clips are byte for byte training clips too "
            f"({trained.name} is {tested.name}); remove them from one of the two parts"
        )


def _warn_of_flaws(
    case_name: str, clips: Sequence[ClipFile], sounds: Sequence[ClipSpectrogram]
) -> None:
    pairs = list(zip(clips, sounds, strict=True))
    silent = [clip.name for clip, sound in pairs if sound.silent]
    clipped = [clip.name for clip, sound in pairs if sound.clipped > _CLIPPED]
    for names, flaw, advice in (
        (silent, "silent (all samples are equal)", "remove them if nothing was recorded"),
        (
            clipped,
            "clipped (over 0.1 % of the samples at full scale)",
            "record at a lower gain if you can",
        ),
    ):
        if names:
            warnings.warn(
                f"{case_name}: {len(names)} of {len(clips)} clips are {flaw}, first {names[0]}; "
                f"they are used as they are: {advice}",
                AnomalibTsWarning,
                stacklevel=3,
            )


def _recording(clip: ClipFile, sound: ClipSpectrogram, period: float, kind: str) -> Recording:
    return Recording(
        values=sound.values,
        label=clip.fields.label,
        name=clip.name,
        sampling_period=period,
        machine_id=clip.fields.machine_id,
        domain=clip.fields.domain,
        kind=kind,
    )
