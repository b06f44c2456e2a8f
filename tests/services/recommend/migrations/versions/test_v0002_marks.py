"""Feedback of a release without marks is gathered into them."""

import asyncio
import sqlite3

from services.recommend.store import FeedbackStore
from system.database.engine import DatabaseAddress


def test_a_database_of_before_keeps_its_feedback_once(tmp_path):
    path = tmp_path / "recommend.sqlite3"
    with sqlite3.connect(path) as old:
        old.execute(
            "CREATE TABLE events (id INTEGER PRIMARY KEY, user TEXT NOT NULL, content TEXT NOT NULL,"
            " action TEXT NOT NULL, value FLOAT, at FLOAT NOT NULL, country TEXT)"
        )
        old.execute("CREATE INDEX events_by_user ON events (user, at)")
        rows = [("u", "a", "DISLIKE", None, 5.0, None), ("u", "b", "WATCH", 0.5, 6.0, "DE")] * 2
        old.executemany("INSERT INTO events (user, content, action, value, at, country) VALUES (?,?,?,?,?,?)", rows)

    async def read():
        store = FeedbackStore(DatabaseAddress(path))
        await store.open()
        try:
            marks = [tuple(row) async for rows in store.read_all_marks() for row in rows]
            return marks, len(await store.read_events(0, 10))
        finally:
            await store.close()

    found, events = asyncio.run(read())
    assert found == [("u", "a", -1, 0, 0, -1.0, -1.0, ""), ("u", "b", 0, 0, 0, 0.5, 6.0, "DE")]
    assert events == 2
