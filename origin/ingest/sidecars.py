"""Subtitle files that come with a film: found beside it, or named in its metadata; copied as UTF-8, described, hashed.

    film.mkv   film.srt   film.en.srt   film.deu.forced.vtt   film.fr.sdh.ass

What a job uses is the copy in its folder, so that a file which changes meanwhile changes nothing.
"""

from __future__ import annotations

import codecs
import hashlib
import re
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from kernel.errors import BadRequest, StorageFailed
from origin.encode.source import UNKNOWN_LANGUAGE, Disposition, TextStream
from origin.ingest.streams import language_of, printable

ENDINGS = ("srt", "vtt", "ass", "ssa")
MAX_BYTES = 16 << 20
"""Of one file; a long film's subtitles are some 200 KB."""
MAX_FILES = 64
_FLAGS = {
    "forced": "forced",
    "sdh": "hearing_impaired",
    "cc": "hearing_impaired",
    "hi": "hearing_impaired",
    "default": "default",
}
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*", re.ASCII | re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Sidecar(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A subtitle file: `location` as an operator names it, or its path; languages are ISO 639."""

    location: str = msgspec.field(name="fileLocation")
    language: str = UNKNOWN_LANGUAGE
    title: str = ""
    forced: bool = False
    hearing_impaired: bool = False
    default: bool = False

    @property
    def ending(self) -> str:
        """`srt`, `vtt`, `ass` or `ssa`; anything else is no subtitle file."""
        return self.location.partition("?")[0].rpartition(".")[2].lower()


class CopiedSidecar(msgspec.Struct, frozen=True):
    """A sidecar in a job's folder: the name of its copy, and its SHA-256 in hex."""

    file: str
    sha256: str
    about: Sidecar

    def stream(self, number: int) -> TextStream:
        """As a stream of the film; negative indexes are those of sidecars."""
        about = self.about
        tags = {"tags": {"language": about.language, "title": about.title}}
        use = Disposition(default=about.default, forced=about.forced, hearing_impaired=about.hearing_impaired)
        title = printable(about.title)[:60]
        return TextStream(-1 - number, about.ending, language_of(tags), title, use, self.file)


def named_sidecars(metadata: dict[str, Any] | None, name: str = "`metadata`") -> tuple[Sidecar, ...]:
    """The member `subtitles` of a film's metadata. Raises BadRequest (400)."""
    given = (metadata or {}).get("subtitles")
    if given is None:
        return ()
    try:
        found = msgspec.convert(given, tuple[Sidecar, ...])
    except msgspec.ValidationError as error:
        raise BadRequest(400, "metadata", f"{name}: subtitles: {error}") from None
    if len(found) > MAX_FILES:
        raise BadRequest(400, "metadata", f"{name}: more than {MAX_FILES} subtitles")
    wrong = [one.location for one in found if one.ending not in ENDINGS]
    if wrong:
        raise BadRequest(400, "metadata", f"{name}: {wrong[0][:80]!r} is none of {', '.join(ENDINGS)}")
    return found


def sidecars_beside(film: Path) -> tuple[Sidecar, ...]:
    """The subtitle files in the film's folder that bear its name; links that lead elsewhere are none."""
    found = []
    for ending in ENDINGS:
        for path in film.parent.glob(f"{_escaped(film.stem)}.*{ending}"):
            about = describe_name(film.stem, path)
            if about is not None and path.is_file() and path.resolve().parent == film.parent.resolve():
                found.append(about)
    return tuple(sorted(found, key=lambda one: one.location)[:MAX_FILES])


def describe_name(stem: str, path: Path) -> Sidecar | None:
    """What the words between the film's name and the ending say; None if they say something else."""
    words = [word for word in path.name[len(stem) :].lower().split(".")[1:-1] if word]
    flags = {_FLAGS[word] for word in words if word in _FLAGS}
    left = [word for word in words if word not in _FLAGS]
    if len(left) > 1 or (left and not _LANGUAGE.fullmatch(left[0])):
        return None
    return Sidecar(
        str(path),
        language=left[0] if left else UNKNOWN_LANGUAGE,
        forced="forced" in flags,
        hearing_impaired="hearing_impaired" in flags,
        default="default" in flags,
    )


def copy_sidecar(about: Sidecar, source: Path, folder: Path, number: int) -> CopiedSidecar:
    """Copy a file into a folder as UTF-8. Raises BadRequest (400, 404, 413, 422), StorageFailed."""
    try:
        if not stat.S_ISREG(source.stat().st_mode):  # opening a pipe would wait for its writer
            raise BadRequest(400, "not-a-file", f"the subtitles {about.location} are not a regular file")
        with source.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadRequest(404, "no-such-file", f"the subtitles {about.location}: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise BadRequest(413, "too-large", f"the subtitles {about.location} are larger than {MAX_BYTES >> 20} MiB")
    text = decode_text(data)
    if not text.strip() or "\0" in text:
        raise BadRequest(422, "not-subtitles", f"{about.location} holds no subtitles")
    copied = CopiedSidecar(f"{number:02}.{about.ending}", hashlib.sha256(data).hexdigest(), about)
    try:
        folder.mkdir(exist_ok=True)
        (folder / copied.file).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise StorageFailed(f"the subtitles cannot be written: {error.strerror or error}") from None
    return copied


def decode_text(data: bytes) -> str:
    """By the byte order mark, else UTF-8, else Windows-1252, which most old files are in."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data.decode(name, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def digest_of(copied: Sequence[CopiedSidecar]) -> str:
    """Changes when the subtitles of a film, or what is said of them, do; "" without any."""
    if not copied:
        return ""
    told: Iterable[bytes] = (msgspec.json.encode((one.sha256, one.about)) for one in copied)
    return hashlib.sha256(b"".join(told)).hexdigest()[:12]


def _escaped(text: str) -> str:
    return re.sub(r"([\[\]*?])", r"[\1]", text)
