"""The audit log at work: verified as a whole, and compared with what was seen of it; on both kinds of database."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

import control.db.audit_table
from control.audit.chain import Keyring
from control.audit.entry import Author
from control.db.audit_log import AuditLog, verification_json
from control.db.schema import audit, audit_head
from control.db.store import Store
from control.desired.resources import Change
from kernel.errors import BadSettings
from kernel.fleet.messages import RULES


async def changes(store: Store, count: int, at: float = 100.0) -> None:
    for number in range(count):
        name = f"title/t{store.desired.revision + 1}"
        await store.commit(lambda _, name=name: Change({(RULES, name): b"{}"}), Author("anna", at + number))


async def run(store: Store, statement) -> None:
    await store.save(lambda connection: connection.execute(statement))


async def test_a_long_log_is_verified_page_by_page(open_store: Callable, clock, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(control.db.audit_table, "PAGE", 3)
    async with open_store() as store:
        log = AuditLog(store, clock, tmp_path / "seen")
        await changes(store, 10)
        verdict = await log.verify()
        assert (verdict.rows, verdict.first, verdict.last, list(verdict.breaks)) == (11, 1, 11, [])
        assert (await log.verify(after=7)).rows == 4
        await run(store, update(audit).where(audit.c.seq == 2).values(target="other"))
        told = verification_json(await log.verify())
        assert (told["holds"], [one["seq"] for one in told["broken"]]) == (False, [2])
        assert verification_json(await log.verify(after=2))["holds"]
        assert log.broken


@pytest.mark.parametrize("keep_head", [False, True])
async def test_the_end_that_was_cut_off_is_found_with_an_old_head_too(
    open_store: Callable, clock, tmp_path: Path, keep_head: bool
):
    async with open_store() as store:
        log = AuditLog(store, clock, tmp_path / "seen")
        await changes(store, 2)
        (old,) = await store.read(select(audit_head))
        await changes(store, 2)
        await log.check_end()
        await run(store, delete(audit).where(audit.c.seq > old["last"]))
        if keep_head:
            await run(store, update(audit_head).values(**old))
        verdict = await log.verify()
        assert verdict.breaks[0].seq == old["last"] + 1
        assert "cut off" in verdict.breaks[0].why
        seen = (tmp_path / "seen").read_bytes()
        await log.check_end()
        assert (tmp_path / "seen").read_bytes() == seen  # it only ever goes on
        assert log.broken or not keep_head
        await changes(store, 4)  # and does not hide it
        assert not verification_json(await log.verify())["holds"]


async def test_a_log_that_was_emptied_is_found(open_store: Callable, clock, tmp_path: Path):
    async with open_store() as store:
        log = AuditLog(store, clock, tmp_path / "seen")
        await changes(store, 3)
        await log.check_end()
        await run(store, delete(audit))
        await run(store, delete(audit_head))
        assert not verification_json(await log.verify())["holds"]
        await changes(store, 1)
        assert not verification_json(await log.verify())["holds"]


async def test_what_was_seen_is_kept_for_its_owner_alone_and_is_sealed(open_store: Callable, clock, tmp_path: Path):
    async with open_store() as store:
        log = AuditLog(store, clock, tmp_path / "seen")
        await changes(store, 1)
        await log.check_end()
        assert stat.S_IMODE((tmp_path / "seen").stat().st_mode) == 0o600
        text = (tmp_path / "seen").read_text()
        (tmp_path / "seen").write_text(text.replace('"seq": 2', '"seq": 1'))
        assert "was altered" in (await log.verify()).breaks[0].why
        (tmp_path / "seen").write_text("{")
        assert "cannot be read" in (await log.verify()).breaks[0].why


async def test_another_key_is_refused_at_the_start_unless_the_first_is_lost(make_database, clock, tmp_path: Path):
    first = await Store.open(make_database(), keyring=Keyring.of([b"a" * 32]))
    await _written(first)
    other = await Store.open(make_database(), keyring=Keyring.of([b"b" * 32]))
    log = AuditLog(other, clock, tmp_path / "seen")
    with pytest.raises(BadSettings, match="audit_key_lost"):
        await log.start()
    await log.start(lost=True)
    await _written(other)
    both = await Store.open(make_database(), keyring=Keyring.of([b"b" * 32, b"a" * 32]))
    told = (await AuditLog(both, clock, tmp_path / "seen").verify()).breaks
    assert [one.seq for one in told] == [3]
    assert "lost" in told[0].why
    await both.dispose()


async def _written(store: Store) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(store.run())
        await changes(store, 1)
        await store.close()
    await store.dispose()


async def test_the_oldest_rows_are_pruned_and_the_rest_holds(open_store: Callable, clock, tmp_path: Path):
    async with open_store() as store:
        log = AuditLog(store, clock, tmp_path / "seen", keep=50.0)
        await changes(store, 3, at=clock.wall() - 100.0)
        await changes(store, 2, at=clock.wall() - 10.0)
        await log.check_end()
        await log.prune(clock.wall())
        rows = await store.read(select(audit).order_by(audit.c.seq))
        assert [row["seq"] for row in rows] == [5, 6, 7]
        assert rows[-1]["action"] == "audit.prune"
        assert verification_json(await log.verify())["holds"]
        await run(store, delete(audit).where(audit.c.seq == 5))
        assert not verification_json(await log.verify())["holds"]
