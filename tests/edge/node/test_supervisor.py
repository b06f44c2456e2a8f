"""The supervisor of a node, over real processes; that it starts them again is in test_node.py."""

import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_a_node_that_cannot_start_says_why_and_ends_with_its_code(tmp_path):
    """It would start a process again and again that can never serve."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        argv = ["--workers", "2", "--listen", "127.0.0.1:0", "--admin", f"127.0.0.1:{taken.getsockname()[1]}"]
        argv += ["--upstream", "http://127.0.0.1:1", "--tokens", "off", "--drain", "0s", "--id", "cannot-start"]
        command = [sys.executable, "-P", "-m", "tools.cli", "edge", *argv]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "admin" in ended.stderr
    assert ended.stdout == ""
