"""What several of the tools' tests ask."""

from pathlib import Path

import pytest


@pytest.fixture
def alive():
    """Whether a process runs, by its id; one that has ended and that nobody has waited for yet does not."""

    def runs(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    return runs
