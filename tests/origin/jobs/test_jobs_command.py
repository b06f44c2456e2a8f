"""The queue as people see it."""

import io
import subprocess
import sys

import pytest
from rich.console import Console

from origin.jobs.jobs_command import duration_text, jobs_table


def test_a_row_a_job():
    console = Console(width=160, record=True, file=io.StringIO())
    runs = {"jobId": "job-1", "contentId": "a", "status": "TRANSCODING", "progress": 0.25, "step": "video"}
    failed = {"jobId": "job-2", "contentId": "b", "status": "FAILED", "progress": 0.1, "step": "check"}
    jobs = [runs | {"etaSeconds": 600.0}, failed | {"reason": "cut at 3 s"}]
    console.print(jobs_table(jobs))
    head, first, second = console.export_text().rstrip().splitlines()
    assert head.split() == ["Job", "Title", "Status", "Progress", "Step", "Left", "Reason"]
    assert [word in first for word in ("job-1", "TRANSCODING", "25%", "video", "10 min")] == [True] * 5
    assert "cut at 3 s" in second


@pytest.mark.parametrize(("seconds", "text"), [(3, "3 s"), (600, "10 min"), (9000, "2.5 h")])
def test_durations(seconds, text):
    assert duration_text(seconds) == text


def test_an_origin_that_is_away(pytestconfig):
    command = [sys.executable, "-P", "-m", "tools.cli", "origin", "jobs", "--origin", "http://127.0.0.1:1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=pytestconfig.rootpath, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr
