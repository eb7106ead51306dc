"""Machine sounds in the folder layout of DCASE Task 2."""

from __future__ import annotations

import warnings
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from anomalib_ts.audio import ClipSpectrogram, LogMel, SpectrogramCache
from anomalib_ts.audio.clip_reader import OTHER_SOUNDS, SOUND_SUFFIXES, ClipReader
from anomalib_ts.core.digests import text_digest
from anomalib_ts.core.files import is_clutter
from anomalib_ts.core.names import nearest, pick
from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.data.leaks import same_values
from anomalib_ts.data.sounds.dcase_names import (
    ClipName,
    Truth,
    parse_clip_name,
    read_ground_truth,
)
from anomalib_ts.errors import AnomalibTsWarning, DataNotFoundError, InputError

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

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from anomalib_ts.data import Dcase
    >>> with TemporaryDirectory() as folder:
    ...     (Path(folder) / "fan" / "train").mkdir(parents=True)
    ...     Dcase(folder).case_names()
    ['fan']

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
        self.machine_ids = None if machine_ids is None else list(map(str, machine_ids))
        self.ground_truth = ground_truth
        self.spectrograms = SpectrogramCache(
            Path(cache).expanduser(), audio, spectrogram, cache_dtype, jobs
        )

    def case_names(self) -> list[str]:
        """The machine types, sorted, or those asked for; hidden and system folders are none.

        Raises:
            DataNotFoundError: there are none, or one that was asked for is not there.
        """
        parts = [folder for folders in PART_FOLDERS.values() for folder in folders]
        folders = {path.parent.name for part in parts for path in self.root.glob(f"*/{part}")}
        found = sorted(name for name in folders if not is_clutter(name))
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
        sounds = self.spectrograms.load([clip.path for clip in clips])
        _warn_of_others(case_name, self.folder(case_name))
        _warn_of_flaws(case_name, clips, sounds)
        period = self.spectrograms.front_end.hop_length / self.spectrograms.reader.sample_rate
        recordings = [
            _recording(clip, sound, period, self.kind(clip))
            for clip, sound in zip(clips, sounds, strict=True)
        ]
        pairs = list(zip(clips, recordings, strict=True))
        case = Case(
            name=case_name,
            train=tuple(recording for clip, recording in pairs if clip.part == "train"),
            test=tuple(recording for clip, recording in pairs if clip.part == "test"),
            fingerprint=self._fingerprint(clips, [sound.digest for sound in sounds]),
        )
        _refuse_leak(self.folder(case_name), case, clips, sounds)
        return case

    def fingerprint(self, case_name: str) -> str:
        """Digest of the files' contents, their names and labels, and the front end's settings."""
        clips = self.clips(case_name)
        return self._fingerprint(clips, self.spectrograms.digests([clip.path for clip in clips]))

    def _fingerprint(self, clips: Sequence[ClipFile], digests: Sequence[str]) -> str:
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
            DataNotFoundError: there are none, or none of a machine that was asked for.
            InputError: names cannot be parsed or contradict their folder, or labels are missing.
        """
        folder = self.folder(case_name)
        clips, misnamed = _named_clips(folder)
        chosen = self._of_machines(folder, clips)
        if not chosen and not misnamed:
            raise DataNotFoundError(f"{folder}: no sound files in train/ or test/")
        labelled, unlabelled = self._labelled(case_name, chosen)
        if misnamed or unlabelled:
            raise InputError("\n".join((*misnamed, *unlabelled)))
        return labelled

    def _of_machines(self, folder: Path, clips: list[ClipFile]) -> list[ClipFile]:
        if self.machine_ids is None:
            return clips
        there = {clip.fields.machine_id for clip in clips}
        missing = [name for name in self.machine_ids if name not in there]
        if there & set(self.machine_ids):  # then it is enough that another machine type has it
            elsewhere = self._machines() if missing else set()
            missing = [name for name in missing if name not in elsewhere]
        if missing:
            raise DataNotFoundError(
                f"{folder}: no sound files of the machines {', '.join(missing)} in train/ or "
                f"test/; {nearest(missing[0], sorted(there))}"
            )
        return [clip for clip in clips if clip.fields.machine_id in self.machine_ids]

    def _machines(self) -> set[str]:
        """The machine ids of all cases."""
        clips = [clip for name in self.case_names() for clip in _named_clips(self.root / name)[0]]
        return {clip.fields.machine_id for clip in clips}

    def _labelled(
        self, case_name: str, clips: list[ClipFile]
    ) -> tuple[list[ClipFile], Sequence[str]]:
        """The clips with labels, and what to say of those that have none."""
        truth = read_ground_truth(self.ground_truth) if self.ground_truth else {}
        clips = [_with_label(clip, truth.get((case_name, clip.path.stem))) for clip in clips]
        unknown = [clip for clip in clips if clip.fields.label is None]
        if not unknown:
            return clips, ()
        return clips, (
            f"{case_name}: no label for {len(unknown)} test clips, first {unknown[0].name}; "
            "set data.ground_truth to the organisers' table of labels",
        )


def _files(folder: Path, part: str, suffixes: Container[str]) -> list[Path]:
    return sorted(
        file
        for name in PART_FOLDERS[part]
        for file in (folder / name).glob("*")
        if file.suffix.lower() in suffixes and not is_clutter(file.name) and not file.is_dir()
    )


def _named_clips(folder: Path) -> tuple[list[ClipFile], list[str]]:
    """The clips of a machine type, train before test, and what is wrong with names of others."""
    clips: list[ClipFile] = []
    unknown: list[str] = []
    misplaced: list[str] = []
    for part in PART_FOLDERS:
        for file in _files(folder, part, SOUND_SUFFIXES):
            try:
                clip = ClipFile(file, part, parse_clip_name(str(file)))
            except InputError as error:
                unknown.append(str(error))
                continue
            if clip.fields.split in ("", part):
                clips.append(clip)
            else:
                misplaced.append(
                    f"{file}: named as a {clip.fields.split} clip, but it lies in the {part} part"
                )
    return clips, [*_first_of(unknown), *_first_of(misplaced)]


def _first_of(texts: list[str]) -> list[str]:
    """The first of many texts that say the same, with their number."""
    more = f" (and so for {len(texts) - 1} more clips)" if len(texts) > 1 else ""
    return [texts[0] + more] if texts else []


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


def _refuse_leak(
    folder: Path, case: Case, clips: Sequence[ClipFile], sounds: Sequence[ClipSpectrogram]
) -> None:
    """Refuse a sound in both parts, by its samples and by what detectors are shown of it.

    Samples alone would miss a copy with its sign turned; spectrograms alone one that another
    machine has computed, with another rounding.
    """
    pairs = list(zip(clips, sounds, strict=True))
    leaks: dict[str, tuple[str, str]] = {}
    for how, content in (("byte for byte", "digest"), ("sample for sample", "sound")):
        known = {getattr(sound, content): clip for clip, sound in pairs if clip.part == "train"}
        for clip, sound in pairs:
            if clip.part == "test" and (trained := known.get(getattr(sound, content))):
                leaks.setdefault(clip.name, (how, trained.name))
    for one, other in same_values(case.train, case.test):
        leaks.setdefault(other.name, ("frame for frame", one.name))
    if leaks:
        tested, (how, trained_name) = next(iter(leaks.items()))
        raise InputError(
            f"{folder}: {len(leaks)} test clips are {how} training clips too "
            f"({trained_name} is {tested}); remove them from one of the two parts"
        )


def _warn_of_others(case_name: str, folder: Path) -> None:
    others = [file for part in PART_FOLDERS for file in _files(folder, part, OTHER_SOUNDS)]
    if others:
        warnings.warn(
            f"{case_name}: {len(others)} sound files are left out, first {others[0].name}, since "
            "their format cannot be read; convert them to WAV or FLAC",
            AnomalibTsWarning,
            stacklevel=3,
        )


def _warn_of_flaws(
    case_name: str, clips: Sequence[ClipFile], sounds: Sequence[ClipSpectrogram]
) -> None:
    pairs = list(zip(clips, sounds, strict=True))
    silent = [clip.name for clip, sound in pairs if sound.silent]
    clipped = [clip.name for clip, sound in pairs if sound.clipped > _CLIPPED]
    open_ended = [clip.name for clip, sound in pairs if sound.open_ended]
    for names, flaw, advice in (
        (silent, "silent (all samples are equal)", "remove them if nothing was recorded"),
        (
            clipped,
            "clipped (over 0.1 % of the samples at full scale)",
            "record at a lower gain if you can",
        ),
        (
            open_ended,
            "without a length in their header, so that nobody can tell if they are whole",
            "convert them from the original recording to WAV or FLAC if you can",
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
