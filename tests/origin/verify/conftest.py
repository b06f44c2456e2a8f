"""What was read of packaged titles, for tests that damage it in memory."""

import asyncio
from copy import deepcopy

import pytest

from origin.verify.title_files import PackagedReader, read_title


@pytest.fixture(scope="module")
def read(packaged_film):
    """`read(kind)` → (what the record says, a copy of the facts that a test may change)."""
    known = {}

    def copy(kind):
        described, folder, _ = packaged_film(kind)
        if kind not in known:
            known[kind] = asyncio.run(read_title(PackagedReader(folder)))
        return described, deepcopy(known[kind])

    return copy
