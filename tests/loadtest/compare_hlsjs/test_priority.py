import os
import subprocess
import sys

import pytest

from loadtest.compare_hlsjs.priority import SamePriority, descendants, share_priority, threads, waited_s


def test_every_thread_that_this_process_has_started_gets_its_priority():
    """The child lowers its own priority, as Chromium's renderers do, and that of a child of its own."""
    code = (
        "import os,subprocess,sys; os.nice(5); p=subprocess.Popen(['cat'],stdin=0); print(p.pid,flush=True); p.wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as one:
        grandchild = int(one.stdout.readline())
        try:
            found = set(descendants(os.getpid()))
            assert {one.pid, grandchild} <= found
            assert set(threads(one.pid)) >= {one.pid}
            try:
                os.setpriority(os.PRIO_PROCESS, one.pid, os.getpriority(os.PRIO_PROCESS, 0))
            except PermissionError:
                return  # only a privileged user raises a priority
            os.setpriority(os.PRIO_PROCESS, one.pid, os.getpriority(os.PRIO_PROCESS, 0) + 3)
            kept = SamePriority()
            kept.set_once()
            own = os.getpriority(os.PRIO_PROCESS, 0)
            assert {os.getpriority(os.PRIO_PROCESS, pid) for pid in (one.pid, grandchild)} == {own}
            assert kept.waited_s >= 0.0
        finally:
            one.stdin.close()


@pytest.mark.parametrize(("text", "written"), [("/autogroup-7 nice 0\n", "-15"), ("/autogroup-7 nice -15\n", None)])
def test_a_session_gets_the_priority_once(tmp_path, text, written):
    (tmp_path / "7").mkdir()
    (tmp_path / "7/autogroup").write_text(text)
    share_priority(7, -15, tmp_path)
    assert (tmp_path / "7/autogroup").read_text() == (written or text)
    share_priority(8, -15, tmp_path)


def test_the_wait_of_a_thread_is_read_from_its_schedstat(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7/schedstat").write_text("5000000000 1500000000 12\n")
    assert waited_s(7, tmp_path) == 1.5
    assert waited_s(8, tmp_path) == 0.0
