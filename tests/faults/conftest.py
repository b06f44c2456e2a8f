"""The programs that the crash run uses."""

import pytest

from origin.ingest import subprocesses


@pytest.fixture(scope="session")
def tools():
    """The programs of this machine."""
    return subprocesses.find_programs()
