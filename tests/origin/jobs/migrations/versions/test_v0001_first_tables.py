"""A job cannot name a title that is not there."""

import sqlite3

import pytest

from origin.jobs.schema import MIGRATIONS
from system.database.database import Database
from system.database.engine import DatabaseAddress


async def test_the_tables_hold_together(tmp_path):
    database = Database(DatabaseAddress(tmp_path / "jobs.sqlite3"), MIGRATIONS, "jobs")
    await database.open()
    await database.close()
    with sqlite3.connect(tmp_path / "jobs.sqlite3") as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        columns = "job_id, content_id, state, home, priority, request, created, changed"
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(f"INSERT INTO jobs ({columns}) VALUES ('j', 'nobody', 'QUEUED', 'h', 0, '{{}}', 1, 1)")
