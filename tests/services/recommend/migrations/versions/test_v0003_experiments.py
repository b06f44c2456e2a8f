"""Numbers of events never come again, also not those of before the upgrade."""

import asyncio
import sqlite3

from services.recommend.events import Action, FeedbackEvent
from services.recommend.store import FeedbackStore
from system.database.engine import DatabaseAddress

REVISION_2 = """
CREATE TABLE events (id INTEGER PRIMARY KEY, user TEXT NOT NULL, content TEXT NOT NULL, action TEXT NOT NULL,
  value FLOAT, at FLOAT NOT NULL, country TEXT, identity BIGINT, received FLOAT DEFAULT '0' NOT NULL);
CREATE INDEX events_by_user ON events (user, at);
CREATE UNIQUE INDEX events_by_identity ON events (identity);
CREATE TABLE marks (user TEXT, content TEXT, verdict SMALLINT NOT NULL, verdict_at FLOAT NOT NULL,
  viewed SMALLINT NOT NULL, clicked SMALLINT NOT NULL, share FLOAT NOT NULL, at FLOAT NOT NULL,
  country TEXT NOT NULL, received FLOAT NOT NULL, PRIMARY KEY (user, content)) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value BIGINT NOT NULL);
CREATE TABLE curated (row_id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('0002');
INSERT INTO events VALUES (7, 'u', 'a', 'VIEW', NULL, 5.0, 'DE', 11, 6.0);
INSERT INTO events VALUES (9, 'u', 'b', 'WATCH', 0.5, 6.0, NULL, 12, 6.0);
"""


def test_events_stay_and_new_ones_get_numbers_that_nobody_has_seen(tmp_path):
    path = tmp_path / "recommend.sqlite3"
    with sqlite3.connect(path) as old:
        old.executescript(REVISION_2)

    async def upgrade():
        store = FeedbackStore(DatabaseAddress(path))
        await store.open()
        try:
            await store.add_events([FeedbackEvent("v", "a", Action.VIEW, None, 7.0)], 8.0)
            return await store.read_events(0, 10)
        finally:
            await store.close()

    rows = asyncio.run(upgrade())
    assert [row[:3] for row in rows[:2]] == [(7, "u", "a"), (9, "u", "b")]
    # People erased before the upgrade may have had numbers after 9, which readers have seen.
    assert rows[2][0] > 1_000_000
