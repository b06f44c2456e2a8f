"""Stores with their copies, on folders; what they do by themselves is tested on buckets too."""

from functools import partial
from itertools import count

import pytest

from origin.stores.folder import open_folder
from origin.stores.open_store import Stores
from origin.stores.replicated_store import ReplicatedStore
from origin.stores.tiered_store import TieredStore
from tests.doubles.object_store import DownStore


@pytest.fixture
def stores(tmp_path):
    """A hot, a cold and a replica store, each of which can be taken down."""
    hot, cold, replica = (DownStore(open_folder(tmp_path / name)) for name in ("hot", "cold", "replica"))
    hot.down = cold.down = replica.down = False
    both = ReplicatedStore(TieredStore(hot, cold), replica, partial(next, count(0, 1000)))
    return Stores(both, hot, replica, cold, folders=(tmp_path / "hot", tmp_path / "cold", tmp_path / "replica"))
