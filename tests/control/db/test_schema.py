"""The tables of control's database."""

from __future__ import annotations

from sqlalchemy import create_engine

from control.db.schema import metadata


def test_the_tables_can_be_made_and_made_again() -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    metadata.create_all(engine)


def test_each_table_has_a_key_so_that_a_row_can_be_replaced() -> None:
    assert not [table.name for table in metadata.tables.values() if not table.primary_key.columns]
