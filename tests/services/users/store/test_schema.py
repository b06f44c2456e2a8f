"""Queries of accounts are answered by indexes: a log-in among a hundred thousand reads a few rows."""

import pytest
from sqlalchemy import create_engine, inspect

from services.users.store.schema import tables
from services.users.store.user_store import UserStore
from system.database.engine import DatabaseAddress


@pytest.fixture
async def found(tmp_path):
    store = UserStore(DatabaseAddress(tmp_path / "users.sqlite3"), b"lookup")
    await store.open()
    await store.close()
    return inspect(create_engine(f"sqlite:///{tmp_path}/users.sqlite3"))


async def test_each_index_that_the_code_counts_on_is_there(found):
    for table in tables.sorted_tables:
        indexed = {tuple(index["column_names"]) for index in found.get_indexes(table.name)}
        assert {tuple(column.name for column in index.columns) for index in table.indexes} <= indexed, table.name
    unique = [constraint["column_names"] for constraint in found.get_unique_constraints("accounts")]
    assert unique == [["email_lookup"]]
