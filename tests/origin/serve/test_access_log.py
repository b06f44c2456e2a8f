"""The access log: lines in a file that may be moved away."""

import json

import pytest

from kernel.errors import BadSettings
from origin.serve.access_log import AccessLog


def write(log, path="/x"):
    log.write({"path": path})


def test_a_file_moved_away_is_opened_anew(tmp_path):
    """After SIGHUP records go to the new file."""
    log = AccessLog(tmp_path / "log", lambda: "now")
    write(log, "/one")
    log.flush()
    (tmp_path / "log").rename(tmp_path / "old")
    log.reopen()
    write(log, "/two")
    log.close()
    assert json.loads((tmp_path / "old").read_text())["path"] == "/one"
    assert json.loads((tmp_path / "log").read_text()) == {"time": "now", "path": "/two"}


def test_no_file_no_record():
    """`off` costs nothing."""
    log = AccessLog(None, lambda: "now")
    write(log)
    log.close()


def test_a_file_that_cannot_be_written(tmp_path):
    """It stops the start, naming the setting."""
    with pytest.raises(BadSettings, match="access_log"):
        AccessLog(tmp_path / "no" / "log", lambda: "now")
