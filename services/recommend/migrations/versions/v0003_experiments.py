"""Numbers of events that never come again, and the tables of experiments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SKIPPED = 1_000_000
"""Numbers left out once: readers may have seen numbers of events that were erased since."""
_COLUMNS = "id, user, content, action, value, at, country, identity, received"


def upgrade() -> None:
    """Widen the numbers, and make the tables."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("events", "id", type_=sa.BigInteger)
        op.execute("ALTER SEQUENCE events_id_seq AS bigint")
        op.add_column("events", sa.Column("seconds", sa.Float))
    else:
        _number_for_good()
    _make_tables()


def _number_for_good() -> None:
    """SQLite numbers new rows from the largest that is left, unless the table says AUTOINCREMENT."""
    op.rename_table("events", "old_events")
    op.drop_index("events_by_user", "old_events")
    op.drop_index("events_by_identity", "old_events")
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("value", sa.Float),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("country", sa.Text),
        sa.Column("identity", sa.BigInteger),
        sa.Column("received", sa.Float, nullable=False, server_default="0"),
        sa.Column("seconds", sa.Float),
        sqlite_autoincrement=True,
    )
    op.execute(f"INSERT INTO events ({_COLUMNS}) SELECT {_COLUMNS} FROM old_events ORDER BY id")  # noqa: S608
    op.drop_table("old_events")
    op.create_index("events_by_user", "events", ["user", "at"])
    op.create_index("events_by_identity", "events", ["identity"], unique=True)
    op.execute("DELETE FROM sqlite_sequence WHERE name IN ('events', 'old_events')")
    largest = op.get_bind().execute(sa.text("SELECT MAX(id) FROM events")).scalar() or 0
    erased = op.get_bind().execute(sa.text("SELECT COUNT(*) FROM facts")).scalar()
    if largest or erased:
        start = sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', :seq)")
        op.get_bind().execute(start, {"seq": largest + SKIPPED})


def _make_tables() -> None:
    op.create_table(
        "experiments",
        sa.Column("experiment_id", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("salt", sa.Text, nullable=False),
        sa.Column("first_slot", sa.Integer, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("started", sa.Float),
        sa.Column("stopped", sa.Float),
    )
    op.create_table(
        "exposures",
        sa.Column("experiment_id", sa.Text, primary_key=True),
        sa.Column("user", sa.Text, primary_key=True),
        sa.Column("arm", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("propensity", sa.Float, nullable=False),
        sa.Column("country", sa.Text, nullable=False),
        sa.Column("surface", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("several", sa.SmallInteger, nullable=False, server_default="0"),
        sqlite_with_rowid=False,
    )
    op.create_index("exposures_by_user", "exposures", ["user"])
    op.create_table(
        "draws",
        sa.Column("draw_id", sa.Text, primary_key=True),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("propensity", sa.Float, nullable=False),
        sa.Column("choices", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("draws_by_user", "draws", ["user"])
    op.create_index("draws_by_time", "draws", ["at"])
