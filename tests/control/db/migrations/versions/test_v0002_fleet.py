"""What a database of schema "1" holds is there after the migration."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from control.db.database import open_database
from control.db.migrations.versions import v0001_desired_state, v0002_fleet
from control.db.schema import edges
from control.db.store import Store
from control.fleet.edge_table import edge_from_row
from kernel.clock import Instant
from kernel.fleet.messages import RULES, Version
from system.database.engine import DatabaseAddress

FIRST = """
CREATE TABLE facts (name VARCHAR(64) NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name));
CREATE TABLE resources (type VARCHAR(32) NOT NULL, name VARCHAR(512) NOT NULL, number INTEGER NOT NULL, content BLOB,
  PRIMARY KEY (type, name));
CREATE INDEX resources_by_number ON resources (type, number);
CREATE TABLE revisions (number INTEGER NOT NULL, at FLOAT NOT NULL, author VARCHAR(200) NOT NULL, reason TEXT NOT NULL,
  touched TEXT NOT NULL, PRIMARY KEY (number));
CREATE TABLE cursors (source VARCHAR(200) NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (source));
CREATE TABLE edges (id VARCHAR(64) NOT NULL, role VARCHAR(32) NOT NULL, region VARCHAR(64) NOT NULL,
  address VARCHAR(300) NOT NULL, admin VARCHAR(300) NOT NULL, last_seen FLOAT NOT NULL, versions TEXT NOT NULL,
  PRIMARY KEY (id));
INSERT INTO facts VALUES ('schema', '1'), ('epoch', 'e0'), ('floor-rules', '2');
INSERT INTO resources VALUES ('rules', 'title/a', 7, '{}'), ('rules', 'title/b', 9, NULL), ('keys', 'k', 3, '{}');
INSERT INTO revisions VALUES (7, 1.5, 'operator', 'premiere', '{}'), (9, 2.5, 'services', '', '{}');
INSERT INTO cursors VALUES ('catalogue', 5000000000);
INSERT INTO edges VALUES ('e1', 'edge', 'eu', '127.0.0.1:1', '', 12.5,
  '{"acked": {"rules": 9}, "applied": {"rules": 7}}');
"""


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A database as the first release left it."""
    path = tmp_path / "c.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.executescript(FIRST)
    connection.close()
    return path


async def test_everything_is_still_known(first: Path) -> None:
    store = await Store.open(open_database(DatabaseAddress(first)))
    assert store.desired.version(RULES) == Version("e0", 9)
    assert store.desired.revision == 9
    assert set(store.desired.resource_sets[RULES].resources) == {"title/a"}
    assert store.desired.resource_sets[RULES].touched_after(7) == {"title/b"}
    assert store.desired.resource_sets[RULES].floor == 2
    assert dict(store.cursors) == {"catalogue": 5_000_000_000}
    assert [row["author"] for row in await store.history()] == ["services", "operator"]
    (row,) = await store.read(edges.select())
    edge = edge_from_row(row, Instant(100.0, 0.0))
    assert (edge.hello.region, edge.acked, edge.applied, edge.connected) == ("eu", {"rules": 9}, {"rules": 7}, False)
    await store.dispose()


async def test_the_first_release_sees_that_it_is_no_longer_its_own(first: Path) -> None:
    await (await Store.open(open_database(DatabaseAddress(first)))).dispose()
    with sqlite3.connect(first) as connection:
        assert connection.execute("SELECT value FROM facts WHERE name = 'schema'").fetchone() == (v0002_fleet.revision,)
    connection.close()
    assert v0002_fleet.down_revision == v0001_desired_state.revision
