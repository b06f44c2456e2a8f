"""CPU and memory of a process and its children."""

import os
import subprocess
import sys

from loadtest.nodes.processes import usage

WORKER = (
    "import sys; held = bytearray(64 << 20); held[::4096] = b'x' * len(held[::4096]);"
    "print(flush=True); sys.stdin.read()"
)
PARENT = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {WORKER!r}]))"


def test_this_process_uses_something():
    used = usage(os.getpid())
    assert used.cpu_s > 0
    assert used.rss_bytes >= used.anon_bytes > 1 << 20


def test_children_count_with_their_parent():
    with subprocess.Popen((sys.executable, "-c", PARENT), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert usage(process.pid).anon_bytes > 64 << 20
        process.stdin.close()
        process.wait()
    assert usage(process.pid) is None
