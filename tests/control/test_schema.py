"""The tables of control's database."""

from __future__ import annotations

from sqlalchemy import create_engine

from control.schema import metadata


def test_the_tables_can_be_made_and_made_again() -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    metadata.create_all(engine)
    assert set(metadata.tables) == {"facts", "resources", "revisions", "cursors", "edges"}
