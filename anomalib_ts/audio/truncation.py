"""Whether a sound file is whole, from what its container says about its own length.

libsndfile reads a file that was cut short up to where it ends, and drops what lies beyond a length
that the header gives too small, both without complaint. So the length is checked here.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

COPY_AGAIN = "copy or download it again"

_OPEN = 0x7FFFF000  # and above: what writers to a pipe put for a length of 32 bits
_OPEN_LONG = 1 << 62  # likewise of 64 bits
_ID3V1 = 128  # bytes of the tag that players append to any file


class Flaw(NamedTuple):
    """Why a sound file cannot be used.

    Attributes:
        what: the kind of flaw, the same text for all files that have it.
        advice: what to do about it.
        detail: what differs from file to file.
    """

    what: str
    advice: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.what}{', ' if self.detail else ''}{self.detail}; {self.advice}"


@dataclass(frozen=True)
class Container:
    """What the container of a sound says about its length.

    Attributes:
        content: the file's bytes, with the true length put where the header leaves it open.
        flaw: why the file is not whole; None if it is, as far as the container can tell.
        missing: bytes that the header announces and the file does not hold.
        open_ended: the container states no length, so nobody can tell whether the file is whole.
        sound_bytes: length of the encoded sound, or None where the container does not tell.
        frames: samples of each channel that the header announces, or None likewise.
        md5: of the decoded sound, as FLAC states it; empty where nothing is stated.
    """

    content: bytes
    flaw: Flaw | None = None
    missing: int = 0
    open_ended: bool = False
    sound_bytes: int | None = None
    frames: int | None = None
    md5: bytes = b""


def examine(content: bytes) -> Container:
    """Find out what container the bytes of a file are, and whether it holds all it announces.

    Known are WAV (RIFF, RIFX, RF64), Sony's Wave64, AIFF and AIFC, AU, FLAC, Ogg and MP3; anything
    else is a flaw, since a sound that was cut short could not be told from a whole one.
    """
    start = _after_id3(content)
    for magic, check in _CONTAINERS.items():
        if content.startswith(magic):
            return check(content)
    if content[start : start + 4] == b"fLaC":
        return _flac(content, start)
    if _is_mpeg(content, start):
        return _mp3(content, start)
    return Container(
        content,
        Flaw(
            "cannot be read as sound (Format not recognised)",
            "replace it with a sound file or remove it",
        ),
    )


def _cut(content: bytes, missing: int) -> Container:
    flaw = Flaw("cut short", COPY_AGAIN, f"{missing} bytes of sound are missing")
    return Container(content, flaw, missing=missing)


def _damaged(content: bytes, detail: str) -> Container:
    return Container(content, Flaw("cut short or damaged", COPY_AGAIN, detail))


def _left_out(content: bytes, read: int, beyond: int) -> Container:
    return Container(
        content,
        Flaw(
            "its header gives too small a length",
            "mend the header or convert the file anew",
            f"{beyond} bytes follow on the {read} bytes of sound that it announces",
        ),
    )


@dataclass(frozen=True)
class _Layout:
    """How a container is made of chunks: a name, a length, a body, padding."""

    first: int
    sound: bytes
    order: Literal["little", "big"] = "little"
    name_bytes: int = 4
    length_bytes: int = 4
    align: int = 2
    counts_itself: bool = False  # whether a length includes the name and the length
    prologue: int = 0  # bytes of the sound chunk before the sound

    @property
    def head(self) -> int:
        return self.name_bytes + self.length_bytes

    @property
    def open_length(self) -> int:
        return _OPEN if self.length_bytes == 4 else _OPEN_LONG

    def number(self, content: bytes, at: int) -> int:
        return int.from_bytes(content[at : at + self.length_bytes], self.order)


class _Chunk(NamedTuple):
    """A chunk: its name, and where its body begins and, as it says, ends."""

    name: bytes
    body: int
    end: int


def _chunks(content: bytes, layout: _Layout, at: int) -> Iterator[_Chunk]:
    """The chunks from `at` on, up to the first that does not fit into the file."""
    while at + layout.head <= len(content):
        name = content[at : at + layout.name_bytes]
        length = layout.number(content, at + layout.name_bytes)
        body = at + layout.head
        end = body + max(0, length - (layout.head if layout.counts_itself else 0))
        if not all(0x20 <= byte < 0x7F for byte in name[:4]):
            return
        yield _Chunk(name, body, end)
        if end > len(content):
            return
        at = end + -end % layout.align


def _chunked(content: bytes, layout: _Layout) -> Container:
    before: list[_Chunk] = []
    for chunk in _chunks(content, layout, layout.first):
        if chunk.name == layout.sound:
            return _sound_chunk(content, layout, before, chunk)
        before.append(chunk)
    return _damaged(content, "no chunk of sound is in it")


def _sound_chunk(content: bytes, layout: _Layout, before: list[_Chunk], chunk: _Chunk) -> Container:
    long = next((c.body + 8 for c in before if c.name == b"ds64"), None)
    length_at = chunk.body - layout.length_bytes
    begin, end = chunk.body + layout.prologue, chunk.end
    limit = layout.open_length
    if long is not None and chunk.end - chunk.body >= _OPEN:  # RF64 keeps the length elsewhere
        end = chunk.body + int.from_bytes(content[long : long + 8], "little")
        length_at, limit = long, _OPEN_LONG
    rest = len(content) - begin
    nothing = end <= begin and rest > 0 and _leftover(content, layout, chunk.body)[0] > 0
    if nothing or (end > len(content) and end - chunk.body >= limit):
        width = layout.length_bytes if long is None else 8
        return _open_ended(content, layout, begin, length_at, width)
    if end > len(content):
        return _cut(content, end - len(content))
    leftover, again = _leftover(content, layout, end + -end % layout.align)
    outer = _outer_end(content, layout, long)
    if outer > len(content) + 8:
        return _cut(content, outer - len(content))
    if leftover or again:
        return _left_out(content, end - begin, leftover or len(content) - end)
    if layout.counts_itself:
        content = content[:end]  # libsndfile takes padding in a Wave64 file for sound
    elif len(content) == end:
        content += bytes(end % layout.align)  # padding, which some writers omit
    return Container(content, sound_bytes=end - begin)


def _leftover(content: bytes, layout: _Layout, at: int) -> tuple[int, bool]:
    """How many bytes from `at` on are no chunk, and whether more sound is among the chunks."""
    more = False
    for chunk in _chunks(content, layout, at):
        if chunk.end > len(content):
            break
        more = more or chunk.name == layout.sound
        at = chunk.end + -chunk.end % layout.align
    leftover = max(0, len(content) - at)
    is_tag = leftover == _ID3V1 and content[at : at + 3] == b"TAG"
    return (0 if is_tag or leftover < layout.align else leftover), more


def _outer_end(content: bytes, layout: _Layout, long: int | None) -> int:
    """Where the file ends as its first lines have it; 0 if they leave it open."""
    if layout.counts_itself:
        length = layout.number(content, layout.name_bytes)
    elif long is not None:
        length = int.from_bytes(content[long - 8 : long], "little") + 8
    else:
        length = layout.number(content, 4)
        length = 0 if length >= _OPEN else length + 8
    return length if length < _OPEN_LONG else 0


def _open_ended(
    content: bytes, layout: _Layout, begin: int, length_at: int, width: int
) -> Container:
    """The sound goes to the end of the file, and the length becomes what it is."""
    length = len(content) - begin
    stated = length + layout.prologue + (layout.head if layout.counts_itself else 0)
    if stated < 1 << (8 * width):
        field = stated.to_bytes(width, layout.order)
        content = content[:length_at] + field + content[length_at + width :]
    return Container(content, open_ended=True, sound_bytes=length)


def _wave(content: bytes) -> Container:
    order: Literal["little", "big"] = "big" if content[:4] == b"RIFX" else "little"
    return _chunked(content, _Layout(12, b"data", order))


def _wave64(content: bytes) -> Container:
    name = b"data" + bytes.fromhex("f3acd3118cd100c04f8edb8a")
    return _chunked(content, _Layout(40, name, "little", 16, 8, 8, counts_itself=True))


def _aiff(content: bytes) -> Container:
    layout = _Layout(12, b"SSND", "big", prologue=8)
    found = _chunked(content, layout)
    if found.flaw or found.open_ended:
        return found
    common = [c.body for c in _chunks(content, layout, layout.first) if c.name == b"COMM"]
    frames = int.from_bytes(content[common[0] + 2 : common[0] + 6], "big") if common else 0
    return replace(found, frames=None if frames in (0, 0xFFFFFFFF) else frames)


def _au(content: bytes) -> Container:
    order: Literal["little", "big"] = "big" if content[:4] == b".snd" else "little"
    begin = int.from_bytes(content[4:8], order)
    stated = int.from_bytes(content[8:12], order)
    length = len(content) - begin
    if len(content) < 24 or length < 0:
        return _damaged(content, "its header is not whole")
    if stated == 0xFFFFFFFF or (not stated and length):
        open_length = b"\xff\xff\xff\xff"
        return Container(
            content[:8] + open_length + content[12:], open_ended=True, sound_bytes=length
        )
    if stated > length:
        return _cut(content, stated - length)
    if length - stated > 1:
        return _left_out(content, stated, length - stated)
    return Container(content, sound_bytes=stated)


def _flac(content: bytes, start: int) -> Container:
    """The header states the number of samples and the MD5 of the decoded sound."""
    info = content[start + 8 : start + 42]
    if len(info) < 34:
        return _damaged(content, "its header is not whole")
    frames = int.from_bytes(info[13:18], "big") & 0xFFFFFFFFF
    if not frames:
        return Container(
            content,
            Flaw(
                "a FLAC file whose header leaves the length open",
                "write it anew with flac or ffmpeg, to a file and not to a pipe",
            ),
        )
    md5 = info[18:34] if any(info[18:34]) else b""
    return Container(content, frames=frames, md5=md5, open_ended=not md5)


def _ogg(content: bytes) -> Container:
    """Pages are numbered and have checksums, and the last one says that it is the last."""
    at = number = flags = 0
    streams = set()
    while at < len(content):
        if flags & 4:
            return _left_out(content, at, len(content) - at)
        segments = content[at + 26] if at + 27 <= len(content) else 256
        end = at + 27 + segments + sum(content[at + 27 : at + 27 + segments])
        if content[at : at + 4] != b"OggS" or end > len(content):
            return _damaged(content, f"{len(content) - at} bytes from byte {at} on are no page")
        if content[at + 22 : at + 26] != _ogg_checksum(content[at:end]):
            return _damaged(content, f"the page at byte {at} does not match its checksum")
        if int.from_bytes(content[at + 18 : at + 22], "little") != number:
            return _damaged(content, f"a page before byte {at} is missing")
        streams.add(content[at + 14 : at + 18])
        if len(streams) > 1:
            return Container(
                content, Flaw("holds several streams", "convert it to one stream, or to FLAC")
            )
        flags, number, at = content[at + 5], number + 1, end
    return Container(content) if flags & 4 else _damaged(content, "its last page is missing")


_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _ogg_checksum(page: bytes) -> bytes:
    """The page's CRC-32: zlib's polynomial with the bits of all bytes the other way round."""
    blank = page[:22] + bytes(4) + page[26:]
    mirrored = zlib.crc32(blank.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return mirrored.to_bytes(4, "big").translate(_MIRRORED)


def _is_mpeg(content: bytes, start: int) -> bool:
    """Whether a frame of MPEG audio, layer III, begins at `start`."""
    head = content[start : start + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2 or head[1] & 0x18 == 0x08:
        return False
    return head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C


def _mp3(content: bytes, start: int) -> Container:
    """Encoders put the length in bytes and frames into the first frame; without it, who knows."""
    stated, end = _mp3_length(content, start), _before_tags(content)
    if not stated:
        return Container(content, open_ended=True)
    if start + stated > end:
        return _cut(content, start + stated - end)
    if end - start - stated > _MPEG_FRAME:  # some writers do not count the first frame
        return _left_out(content, stated, end - start - stated)
    return Container(content)


def _mp3_length(content: bytes, start: int) -> int:
    """Bytes of all frames, as the first of them states it; 0 if it does not."""
    for name in (b"Xing", b"Info", b"VBRI"):
        at = content.find(name, start + 4, start + 48)
        if at < 0:
            continue
        flags = int.from_bytes(content[at + 4 : at + 8], "big")
        if name == b"VBRI":
            at += 10
        elif flags & 2:
            at += 12 if flags & 1 else 8
        else:
            return 0
        return int.from_bytes(content[at : at + 4], "big")
    return 0


_MPEG_FRAME = 2880  # bytes of the longest frame


def _after_id3(content: bytes) -> int:
    """Where the sound begins: after tags of the kind that players put in front."""
    at = 0
    while content[at : at + 3] == b"ID3" and len(content) >= at + 10:
        length = 0
        for byte in content[at + 6 : at + 10]:
            length = length << 7 | byte & 0x7F
        at += 10 + length + (10 if content[at + 5] & 0x10 else 0)
    return at


def _before_tags(content: bytes) -> int:
    """Where the sound ends: before the tags that players append."""
    end = len(content)
    if content[max(0, end - _ID3V1) :][:3] == b"TAG":
        end -= _ID3V1
    if content[max(0, end - 32) : end][:8] == b"APETAGEX":
        length = int.from_bytes(content[end - 20 : end - 16], "little")
        has_header = content[end - 9] & 0x80  # the highest bit of its flags
        end -= length + (32 if has_header else 0)
    return max(0, end)


_CONTAINERS: dict[bytes, Callable[[bytes], Container]] = {
    b"RIFF": _wave,
    b"RIFX": _wave,
    b"RF64": _wave,
    b"riff": _wave64,
    b"FORM": _aiff,
    b".snd": _au,
    b"dns.": _au,
    b"OggS": _ogg,
}
