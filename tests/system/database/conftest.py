"""A small service of one table and two revisions, in a database of either engine."""

import pytest
from sqlalchemy import Column, Integer, MetaData, Table

from system.database.database import Database
from system.database.migrations import Migrations

FIRST = """
import sqlalchemy as sa
from alembic import op
revision = "0001"
down_revision = None
def upgrade():
    op.create_table("numbers", sa.Column("n", sa.Integer, primary_key=True))
"""
SECOND = """
import sqlalchemy as sa
from alembic import op
revision = "0002"
down_revision = "0001"
def upgrade():
    op.add_column("numbers", sa.Column("twice", sa.Integer, server_default="2"))
"""
tables = MetaData()
numbers = Table("numbers", tables, Column("n", Integer, primary_key=True), Column("twice", Integer))


@pytest.fixture
def history(tmp_path):
    """A function that writes a folder of revisions and says which of them is the head."""
    (tmp_path / "migrations" / "versions").mkdir(parents=True)

    def write(*revisions, baseline=lambda _: ""):
        for number, source in enumerate(revisions, 1):
            (tmp_path / "migrations" / "versions" / f"v{number:04}.py").write_text(source)
        return Migrations(tables, tmp_path / "migrations", f"{len(revisions):04}", baseline)

    return write


@pytest.fixture
async def open_database(database_address, history):
    opened = []

    async def open_it(migrations=None, schema="films"):
        database = Database(database_address, migrations or history(FIRST, SECOND), schema)
        await database.open()
        opened.append(database)
        return database

    yield open_it
    for database in opened:
        await database.close()
