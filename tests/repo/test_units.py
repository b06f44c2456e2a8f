"""The systemd unit: systemd accepts it, and it leaves a program little that it could harm."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNIT = "deploy/systemd/matinee@.service"
MAX_EXPOSURE = 2.0
"""Of 10, as `systemd-analyze security` counts it; below 2 it says OK."""

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@pytest.fixture
def unit(tmp_path):
    """The unit as matinee@edge, with a program that exists here."""
    made = tmp_path / "matinee@edge.service"
    made.write_text(Path(UNIT).read_text().replace("/opt/matinee/.venv/bin/matinee", sys.executable))
    return made


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


def test_systemd_accepts_the_unit(unit):
    """Without a word about it: an unknown setting would be ignored."""
    found = analyze("verify", "--man=no", unit)
    assert unit.name not in found.stderr, found.stderr
    assert found.returncode == 0, found.stderr


def test_the_unit_gives_little_away(unit):
    """systemd's own score."""
    shown = analyze("security", "--offline=true", unit).stdout
    score = re.search(r"Overall exposure level for .*: ([0-9.]+)", shown)
    assert score, shown
    assert float(score[1]) <= MAX_EXPOSURE, shown
