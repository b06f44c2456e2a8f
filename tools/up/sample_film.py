"""The sample film of `make up`: a real one, fetched once and verified; without a network a synthetic test pattern.

The trailer of Big Buck Bunny, (c) Blender Foundation, CC BY 3.0, is part of the source package of moviepy 2.2.1, which
every package index carries. pip fetches it with a pinned hash; it is not part of this repository.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from origin.ingest import subprocesses

PACKAGE = "moviepy==2.2.1"
PACKAGE_SHA256 = "c80cb56815ece94e5e3e2d361aa40070eeb30a09d23a24c4e684d03e16deacb1"
FILM_NAME = "trailer_bbb.mp4"
FILM_SHA256 = "ce0d2ba68822a89ae65ee41b53be9de621771130c2aa1d0ff02d935df75b59ae"
_MAX_BYTES = 64 << 20
_FETCH_SECONDS = 180

_PATTERN_NAME = "test_pattern.mp4"
_PATTERN_SECONDS = 30

REAL_METADATA: Mapping[str, Any] = {
    "title": "Big Buck Bunny (trailer)",
    "year": 2008,
    "genres": ["Animation", "Comedy", "Short"],
    "cast": [],
    "description": "A large and lovable rabbit deals with three bullies of the forest.",
    "attribution": "(c) copyright 2008, Blender Foundation / www.bigbuckbunny.org",
    "licence": "CC BY 3.0, https://creativecommons.org/licenses/by/3.0/",
}
PATTERN_METADATA: Mapping[str, Any] = {
    "title": "Test pattern",
    "genres": ["Test"],
    "description": "A moving pattern with a counter and a tone, made on this machine because no film could be fetched.",
}


@dataclass(frozen=True, slots=True)
class SampleFilm:
    """A film on disk; `is_real` is False for the synthetic one."""

    path: Path
    title: str
    metadata: Mapping[str, Any]
    is_real: bool


class NotFetched(Exception):
    """The real film cannot be fetched; the message says why in one line."""


def sample_film(
    folder: Path,
    say: Callable[[str], None],
    *,
    fetch: Callable[[Path], Path] | None = None,
    seconds: int = _PATTERN_SECONDS,
) -> SampleFilm:
    """The film in `folder`, from an earlier run or downloaded now; else a test pattern of `seconds`.

    `fetch(folder)` returns the package's archive or raises NotFetched; by default pip fetches it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / FILM_NAME
    real = SampleFilm(wanted, REAL_METADATA["title"], REAL_METADATA, is_real=True)
    if wanted.is_file() and _sha256(wanted) == FILM_SHA256:
        return real
    pattern = folder / _PATTERN_NAME
    synthetic = SampleFilm(pattern, PATTERN_METADATA["title"], PATTERN_METADATA, is_real=False)
    if pattern.is_file():
        say(f"No sample film: using the test pattern of an earlier run; delete {pattern} to try the download again.")
        return synthetic
    say("Downloading the sample film (Big Buck Bunny trailer, (c) Blender Foundation, CC BY 3.0), about 60 MB …")
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix="fetch-") as work:
            extract((fetch or fetch_archive)(Path(work)), wanted)
        return real
    except NotFetched as why:
        say(f"No sample film: {why}. Using a synthetic test pattern instead.")
    make_pattern(pattern, seconds)
    return synthetic


def fetch_archive(folder: Path) -> Path:
    """Download the source package with pip, verified by its hash. Raises NotFetched."""
    python = next(_pythons_with_pip(), None)
    if python is None:
        raise NotFetched("no Python with pip was found to download it")
    wanted = folder / "requirement.txt"
    wanted.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n", encoding="utf-8")
    arguments = [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-binary",
        "moviepy",
    ]
    arguments += ["--retries", "1", "--timeout", "15", "--require-hashes", "-r", str(wanted), "-d", str(folder)]
    try:
        done = subprocess.run(
            [python, *arguments], check=False, capture_output=True, text=True, timeout=_FETCH_SECONDS, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotFetched(f"pip could not download it ({type(error).__name__})") from None
    found = sorted(folder.glob("moviepy-*.tar.gz"))
    if done.returncode != 0 or not found:
        raise NotFetched(f"pip could not download it ({subprocesses.last_line(done.stderr)})")
    return found[0]


def _pythons_with_pip() -> Iterator[str]:
    """Pythons with pip. The virtual environment has none, so try the Pythons it may have been created from."""
    named = [
        getattr(sys, "_base_executable", None),
        shutil.which("python3.11"),
        "/usr/bin/python3",
        shutil.which("python3"),
    ]
    for python in dict.fromkeys(one for one in named if one):
        try:
            asked = subprocess.run([python, "-m", "pip", "--version"], check=False, capture_output=True, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if asked.returncode == 0:
            yield python


def extract(archive: Path, target: Path) -> None:
    """Extract the film atomically, and verify its hash. Raises NotFetched."""
    part = target.with_name(target.name + ".part")
    try:
        with tarfile.open(archive, "r:gz") as package:
            member = next((one for one in package if one.name.endswith("/" + FILM_NAME) and one.isfile()), None)
            content = package.extractfile(member) if member else None
            if member is None or content is None or member.size > _MAX_BYTES:
                raise NotFetched(f"the package does not contain {FILM_NAME}")
            with part.open("wb") as out:
                shutil.copyfileobj(content, out)
                _sync(out)
        if _sha256(part) != FILM_SHA256:
            raise NotFetched(f"the {FILM_NAME} in the package has an unexpected hash")
        part.replace(target)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise NotFetched(f"the package could not be unpacked ({error})") from None
    finally:
        part.unlink(missing_ok=True)


def make_pattern(target: Path, seconds: int) -> None:
    """Make a video with a counter and a tone. Raises BadSettings without ffmpeg, ProgramFailed if ffmpeg fails."""
    part = target.with_name("part-" + target.name)
    arguments = ["-y", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=24"]
    arguments += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", str(seconds)]
    arguments += ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    try:
        subprocesses.run_program(
            subprocesses.find_programs().ffmpeg, [*arguments, "-movflags", "+faststart", f"file:{part.absolute()}"]
        )
        with part.open("rb") as made:
            _sync(made)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
