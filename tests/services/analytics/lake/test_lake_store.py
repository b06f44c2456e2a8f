"""Both stores of the lake keep files alike."""

import pytest

from kernel.errors import BadSettings, StorageFailed
from kernel.settings.store_address import StoreAddress
from services.analytics.lake.lake_store import open_lake

ONE, OTHER = "day=1/hour=00/kind=a/x.parquet", "day=2/hour=00/kind=a/x.parquet"


def test_put_get_list_delete(lake):
    assert lake.list() == []
    lake.put(ONE, b"first")
    lake.put(ONE, b"second")
    lake.put(OTHER, b"other")
    assert lake.list() == [ONE, OTHER]
    assert lake.list("day=2/") == [OTHER]
    assert lake.get(ONE) == b"second"
    lake.delete([ONE, ONE])
    lake.delete([])
    assert lake.list() == [OTHER]
    with pytest.raises(StorageFailed):
        lake.get(ONE)


def test_a_store_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    lake = open_lake(StoreAddress(tmp_path / "file"), None, {})
    with pytest.raises(StorageFailed, match="file"):
        lake.put(ONE, b"x")
    with pytest.raises(BadSettings, match="lake_credentials"):
        open_lake(StoreAddress(None, "bucket"), tmp_path / "none", {})
