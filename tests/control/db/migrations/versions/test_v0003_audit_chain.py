"""A database of the release before the audit key keeps its rows, and they become part of the chain."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select, text

from control.audit.entry import Author
from control.db.audit_log import AuditLog
from control.db.database import MIGRATIONS
from control.db.schema import audit
from control.desired.resources import Change
from kernel.fleet.messages import RULES
from system.database.migrations import migrate
from tests.control.db.test_audit_table import LEGACY, legacy
from tests.control.db.test_database import drop_all


async def test_rows_of_before_are_kept_and_adopted(make_database, open_store, clock, tmp_path) -> None:
    database = make_database()
    async with database.writing.begin() as connection:
        await connection.run_sync(drop_all)
        await migrate(connection, replace(MIGRATIONS, head="0002"))
        names = (*LEGACY, "hash")
        columns = ", ".join(f'"{name}"' for name in names)
        given = ", ".join(f":{name}" for name in names)
        for row in legacy(2):
            await connection.execute(text(f"INSERT INTO audit ({columns}) VALUES ({given})"), row)
    await database.engine.dispose()
    async with open_store() as store:
        await store.commit(lambda _: Change({(RULES, "title/a"): b"{}"}), Author("anna", 2.0))
        rows = await store.read(select(audit).order_by(audit.c.seq))
        assert [row["action"] for row in rows] == ["x", "x", "audit.adopt", "change"]
        assert [bool(row["key"]) for row in rows] == [False, False, True, True]
        verdict = await AuditLog(store, clock, tmp_path / "seen").verify()
        assert (verdict.rows, list(verdict.breaks)) == (4, [])
