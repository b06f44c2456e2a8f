"""`matinee fleet diff|rollback|audit`: compare and roll back revisions, read the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console

from kernel.settings.table import INTEGER, SWITCH, setting
from tools.fleet.client import ChangeSettings, ControlApi, FleetCommand, FleetSettings, run_with_control, show_json
from tools.fleet.tables import changes_table, table


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffSettings(FleetSettings):
    """`matinee fleet diff`."""

    since: int | None = setting(INTEGER, None, "Revision to compare from (default: the one before `until`).", least=0)
    until: int | None = setting(INTEGER, None, "Revision to compare to (default: the latest).", least=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings(FleetSettings):
    """`matinee fleet audit`."""

    most: int = setting(INTEGER, "50", "Rows to show, newest first.", least=1, most=1000)
    verify: bool = setting(SWITCH, "off", "Verify the hash chain of the log and report the rows that fail.")
    after: int = setting(INTEGER, "0", "With `verify`: check only the rows after this one.", least=0)


def diff(settings: DiffSettings) -> int:
    """Show the changes between two revisions."""

    async def work(control: ControlApi) -> int:
        since = settings.until - 1 if settings.since is None and settings.until else settings.since
        said = await control.get("/v1/diff", **{"from": since, "to": settings.until})
        if settings.json:
            return show_json(said)
        Console().print(changes_table(f"revision {said['from']} to {said['to']}", said["changes"]))
        return 0

    return run_with_control(settings, work)


def rollback(settings: ChangeSettings, revision: str) -> int:
    """Roll back a revision by making a new one."""

    async def work(control: ControlApi) -> int:
        said = await control.post(f"/v1/revisions/{revision}/rollback", reason=settings.reason)
        if settings.json:
            return show_json(said)
        made = said["revision"]
        print(f"rolled back revision {revision} with revision {made}" if made else "nothing to change")
        return 0

    return run_with_control(settings, work)


def audit(settings: AuditSettings) -> int:
    """Show the audit log or verify it; 1 if verification fails."""

    async def work(control: ControlApi) -> int:
        if settings.verify:
            return _show_verification(
                settings, await control.get_patiently("/v1/audit/verify", after=settings.after or None)
            )
        said = await control.get("/v1/audit", limit=settings.most)
        if settings.json:
            show_json(said)
        else:
            rows = [
                (f"{row['seq']}", row["at"], row["actor"], row["peer"], row["action"], row["target"], row["reason"])
                for row in said["audit"]
            ]
            Console().print(table("audit log", ("#row", "time", "actor", "peer", "action", "target", "reason"), rows))
            if said["broken"] is not None:
                Console().print(f"[red]row {said['broken']} was altered, or a row before it is missing[/]")
        return 1 if said["broken"] is not None else 0

    return run_with_control(settings, work)


def _show_verification(settings: AuditSettings, said: dict[str, Any]) -> int:
    if settings.json:
        show_json(said)
    elif said["holds"]:
        print(f"the audit log is intact: {said['rows']} rows, {said['first']} to {said['last']}")
    else:
        print(f"the audit log was ALTERED: {said['rows']} rows, {said['first']} to {said['last']}")
        for one in said["broken"]:
            print(f"  row {one['seq']}: {one['why']}")
        if said["more"]:
            print("  and more")
    return 0 if said["holds"] else 1


DIFF = FleetCommand(DiffSettings, diff)
ROLLBACK = FleetCommand(ChangeSettings, rollback)
AUDIT = FleetCommand(AuditSettings, audit)
