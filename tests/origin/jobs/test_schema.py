"""The revisions make what the code counts on."""

import pytest
from sqlalchemy import create_engine, inspect

from origin.jobs.schema import MIGRATIONS, tables
from system.database.database import Database
from system.database.engine import DatabaseAddress


@pytest.fixture
async def found(tmp_path):
    database = Database(DatabaseAddress(tmp_path / "jobs.sqlite3"), MIGRATIONS, "jobs")
    await database.open()
    await database.close()
    return inspect(create_engine(f"sqlite:///{tmp_path}/jobs.sqlite3"))


async def test_the_revisions_make_the_columns_and_indexes_that_the_code_uses(found):
    for table in tables.sorted_tables:
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}, table.name
        indexed = {tuple(index["column_names"]) for index in found.get_indexes(table.name)}
        assert {tuple(column.name for column in index.columns) for index in table.indexes} <= indexed, table.name
