"""`matinee ingest` as people call it."""

import json
import subprocess
import sys


def matinee(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-P", "-m", "tools.cli", "ingest", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=60,
    )


def test_a_film_by_the_command_line(tmp_path, films, pytestconfig):
    """The contentId is all of stdout; the second time it is recognised; the figures are written."""
    metadata = tmp_path / "m.json"
    metadata.write_text('{"title": "My Film", "year": 2020, "countries": ["DE"]}')
    common = ["--store", tmp_path / "store", "--preset", "ultrafast", "--rungs", "1", "--metadata", metadata]
    first = matinee(*common, "--timings", tmp_path / "t.json", "--", films(), cwd=pytestconfig.rootpath)
    assert first.returncode == 0, first.stderr
    content_id = first.stdout.strip()
    assert content_id.startswith("my-film-")
    assert "encode done: 1 rendition up to 240 lines" in first.stderr
    assert json.loads((tmp_path / "t.json").read_text())["ffmpeg"]["wall"] > 0
    again = matinee(*common, films(), cwd=pytestconfig.rootpath)
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert "nothing was encoded" in again.stderr
    assert "encode …" not in again.stderr


def test_what_goes_wrong_is_one_line(tmp_path, pytestconfig):
    """Status 1 for the film, 2 for the usage, no traceback, nothing on stdout."""
    for arguments, status, says in (
        (["--store", tmp_path / "s", tmp_path / "none.mp4"], 1, "No such file"),
        (["--store", tmp_path / "s", "--metadata", tmp_path / "none.json", "x"], 1, "metadata file"),
        (["--store", tmp_path / "s", "--content-id", "a/b", "x"], 2, "setting `content_id`"),
        (["--preset", "warp", "x"], 2, "setting `preset`"),
    ):
        done = matinee(*arguments, cwd=pytestconfig.rootpath)
        assert (done.returncode, done.stdout) == (status, "")
        assert says in done.stderr
        assert "Traceback" not in done.stderr
