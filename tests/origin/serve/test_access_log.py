"""The access log: lines in a file that may be moved away."""

import json

import pytest

from kernel.errors import BadSettings
from origin.serve.access_log import AccessLog, trace_id


def write(log, path="/x"):
    log.write(peer="p", method="GET", path=path, status=200, sent=1, ms=0.5, trace=None)


def test_a_file_moved_away_is_opened_anew(tmp_path):
    """After SIGHUP records go to the new file."""
    log = AccessLog(tmp_path / "log", lambda: "now")
    write(log, "/one?query")
    log.flush()
    (tmp_path / "log").rename(tmp_path / "old")
    log.reopen()
    write(log, "/" + "x" * 5000)
    log.close()
    assert json.loads((tmp_path / "old").read_text())["path"] == "/one"
    assert len(json.loads((tmp_path / "log").read_text())["path"]) == 2048


def test_no_file_no_record():
    """`off` costs nothing."""
    log = AccessLog(None, lambda: "now")
    write(log)
    log.close()


def test_a_file_that_cannot_be_written(tmp_path):
    """It stops the start, naming the setting."""
    with pytest.raises(BadSettings, match="access_log"):
        AccessLog(tmp_path / "no" / "log", lambda: "now")


@pytest.mark.parametrize(
    ("field", "trace"),
    [
        ("00-" + "ab" * 16 + "-" + "cd" * 8 + "-01", "ab" * 16),
        ("00-" + "00" * 16 + "-" + "cd" * 8 + "-01", None),
        ("nonsense", None),
        (None, None),
    ],
)
def test_trace_id(field, trace):
    """Only what is a traceparent."""
    assert trace_id(field) == trace
