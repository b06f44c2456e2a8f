"""The tables of a new database are those that the code names."""

import sqlalchemy as sa

from services.recommend.schema import tables
from services.recommend.store import FeedbackStore
from system.database.engine import DatabaseAddress


async def test_the_revisions_make_the_tables_that_the_code_names(tmp_path):
    store = FeedbackStore(DatabaseAddress(tmp_path / "recommend.sqlite3"))
    await store.open()
    await store.close()
    found = sa.inspect(sa.create_engine(f"sqlite:///{tmp_path / 'recommend.sqlite3'}"))
    for table in tables.sorted_tables:
        assert {one["name"] for one in found.get_columns(table.name)} == set(table.columns.keys())
        assert {one["name"] for one in found.get_indexes(table.name)} == {index.name for index in table.indexes}
