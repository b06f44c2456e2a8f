"""`matinee origin worker` as people start it; its work is in `tests/faults/test_ingest`."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ([], "setting `origin`"),
        (["--origin", "http://127.0.0.1:1", "--api-key-file", "/none"], "api_key_file"),
        (["--origin", "http://127.0.0.1:1", "--ffmpeg", "no-such-program"], "setting `ffmpeg`"),
    ],
)
def test_settings_that_cannot_be(pytestconfig, tmp_path, flags, says):
    command = [sys.executable, "-P", "-m", "tools.cli", "origin", "worker", "--work-dir", str(tmp_path), *flags]
    done = subprocess.run(command, capture_output=True, text=True, cwd=pytestconfig.rootpath, check=False, timeout=60)
    assert done.returncode == 2
    assert says in done.stderr
