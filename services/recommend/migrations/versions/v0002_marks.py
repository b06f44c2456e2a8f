"""Events have an identity, and what they come to stands in a table of marks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.recommend.events import Action, FeedbackEvent, event_identity
from services.recommend.marks import Mark, gather_marks, merge_marks

revision = "0002"
down_revision = "0001"

BATCH = 10_000
_COLUMNS = ("id", "user", "content", "action", "value", "at", "country", "identity", "received")
_events = sa.table("events", *(sa.column(name) for name in _COLUMNS))


def upgrade() -> None:
    """Number the events, delete those that came twice, and gather the rest into marks."""
    op.add_column("events", sa.Column("identity", sa.BigInteger))
    op.add_column("events", sa.Column("received", sa.Float, nullable=False, server_default="0"))
    _make_tables()
    connection = op.get_bind()
    # Nobody noted when an event came in: not before the newest of them, as far as retention goes.
    newest = connection.execute(sa.select(sa.func.max(_events.c.at))).scalar() or 0.0
    known: set[int] = set()
    marks: dict[tuple[str, str], Mark] = {}
    last = 0
    while True:
        query = sa.select(_events).where(_events.c.id > last).order_by(_events.c.id).limit(BATCH)
        rows = connection.execute(query).mappings().all()
        if not rows:
            break
        last = rows[-1]["id"]
        for row in rows:
            event = FeedbackEvent(
                row["user"], row["content"], Action(row["action"]), row["value"], row["at"], row["country"]
            )
            identity = event_identity(event)
            mine = _events.c.id == row["id"]
            if identity in known:
                connection.execute(sa.delete(_events).where(mine))
                continue
            known.add(identity)
            connection.execute(sa.update(_events).where(mine).values(identity=identity, received=newest))
            [mark] = gather_marks([event], newest)
            held = marks.get((mark.user, mark.content))
            marks[mark.user, mark.content] = mark if held is None else merge_marks(held, mark)
    op.create_index("events_by_identity", "events", ["identity"], unique=True)
    _insert_marks(list(marks.values()))


def _make_tables() -> None:
    op.create_table(
        "marks",
        sa.Column("user", sa.Text, primary_key=True),
        sa.Column("content", sa.Text, primary_key=True),
        sa.Column("verdict", sa.SmallInteger, nullable=False),
        sa.Column("verdict_at", sa.Float, nullable=False),
        sa.Column("viewed", sa.SmallInteger, nullable=False),
        sa.Column("clicked", sa.SmallInteger, nullable=False),
        sa.Column("share", sa.Float, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("country", sa.Text, nullable=False),
        sa.Column("received", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "facts", sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.BigInteger, nullable=False)
    )
    op.create_table(
        "curated", sa.Column("row_id", sa.Text, primary_key=True), sa.Column("body", sa.Text, nullable=False)
    )


def _insert_marks(marks: list[Mark]) -> None:
    names = ("user", "content", "verdict", "verdict_at", "viewed", "clicked", "share", "at", "country", "received")
    table = sa.table("marks", *(sa.column(name) for name in names))
    for start in range(0, len(marks), BATCH):
        rows = [
            {name: getattr(mark, name) for name in names}
            | {"verdict": int(mark.verdict), "viewed": int(mark.viewed), "clicked": int(mark.clicked)}
            for mark in marks[start : start + BATCH]
        ]
        op.get_bind().execute(sa.insert(table), rows)
