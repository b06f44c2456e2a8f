"""`matinee fleet diff|rollback|audit`: what was changed, by whom, from what to what; and back."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console

from kernel.settings import INTEGER, setting
from tools.fleet_client import ChangeSettings, Control, FleetSettings, Verb, ask, show_json
from tools.fleet_tables import changes_table, table


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffSettings(FleetSettings):
    """`matinee fleet diff`."""

    since: int | None = setting(INTEGER, None, "Revision to compare from (default: the one before `until`).", least=0)
    until: int | None = setting(INTEGER, None, "Revision to compare to (default: the latest).", least=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings(FleetSettings):
    """`matinee fleet audit`."""

    most: int = setting(INTEGER, "50", "Rows to show, newest first.", least=1, most=1000)


def diff(settings: DiffSettings) -> int:
    """Show what changed between two revisions."""

    async def work(control: Control) -> int:
        since = settings.until - 1 if settings.since is None and settings.until else settings.since
        said = await control.get("/v1/diff", **{"from": since, "to": settings.until})
        if settings.json:
            return show_json(said)
        Console().print(changes_table(f"revision {said['from']} to {said['to']}", said["changes"]))
        return 0

    return ask(settings, work)


def rollback(settings: ChangeSettings, revision: str) -> int:
    """Take a revision back, as a new revision."""

    async def work(control: Control) -> int:
        said = await control.post(f"/v1/revisions/{revision}/rollback", reason=settings.reason)
        if settings.json:
            return show_json(said)
        made = said["revision"]
        print(f"revision {revision} is taken back by revision {made}" if made else "nothing had to be changed")
        return 0

    return ask(settings, work)


def audit(settings: AuditSettings) -> int:
    """Show who did what; 1 when a row of the log does not hold."""

    async def work(control: Control) -> int:
        said = await control.get("/v1/audit", limit=settings.most)
        if settings.json:
            show_json(said)
        else:
            rows = [
                (f"{row['seq']}", row["at"], row["actor"], row["action"], row["target"], row["reason"])
                for row in said["audit"]
            ]
            Console().print(table("who did what", ("#row", "at", "who", "what", "to", "why"), rows))
            if said["broken"] is not None:
                Console().print(f"[red]row {said['broken']} is not as it was written, or one before it is missing[/]")
        return 1 if said["broken"] is not None else 0

    return ask(settings, work)


DIFF = Verb(DiffSettings, diff)
ROLLBACK = Verb(ChangeSettings, rollback)
AUDIT = Verb(AuditSettings, audit)
