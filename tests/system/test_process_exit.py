"""The end of a process."""

import subprocess
import sys

import pytest

SCRIPT = """
import atexit, os, sys, types
from system.process_exit import leave
atexit.register(os.abort)
{}
print("done")
leave(3)
"""


@pytest.mark.parametrize(
    ("loaded", "code"), [("sys.modules['obstore'] = types.ModuleType('obstore')", 3), ("pass", -6)]
)
def test_a_teardown_that_aborts_does_not_change_the_code(pytestconfig, loaded, code):
    """And all output is written. Without such a library the teardown runs as usual."""
    command = [sys.executable, "-c", SCRIPT.format(loaded)]
    done = subprocess.run(command, cwd=pytestconfig.rootpath, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (code, "done\n" if code == 3 else done.stdout)
