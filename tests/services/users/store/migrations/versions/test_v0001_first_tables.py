"""The columns that the revisions make are those that the code knows."""

from sqlalchemy import create_engine, inspect

from services.users.store.schema import tables
from services.users.store.user_store import UserStore
from system.database.engine import DatabaseAddress


async def test_the_revisions_make_the_columns_that_the_code_uses(tmp_path):
    store = UserStore(DatabaseAddress(tmp_path / "users.sqlite3"), b"lookup")
    await store.open()
    await store.close()
    found = inspect(create_engine(f"sqlite:///{tmp_path}/users.sqlite3"))
    for table in tables.sorted_tables:
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}, table.name
