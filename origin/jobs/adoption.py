"""Origins on one database: each says that it is there, and one takes the jobs of another that has fallen silent.

A job's files are in its origin's data folder, so an adopted job starts again with what the database and the store
hold. A silent origin that comes back has lost the leases: its late results are dropped, and of two publications of one
title one wins. Times are Unix seconds of the hosts' clocks, which must agree within a few seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec
from sqlalchemy import exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from origin.jobs.alerts import AlertKind, alert_row
from origin.jobs.job_graph import StepKind
from origin.jobs.job_states import ENDED_JOBS, JobState, StepState
from origin.jobs.queue_rows import Row, drop_planned_steps, json_text, lock_job, reset_steps
from origin.jobs.records import JobRequest
from origin.jobs.schema import alerts, contents, homes, jobs, steps
from system.database.database import Database

MAX_AT_ONCE = 100
"""Jobs that one call looks at."""


def request_elsewhere(request: JobRequest, kept: str | None, can_fetch: Callable[[str], bool]) -> JobRequest | None:
    """The request as another origin can fulfil it, or None if the film is on the silent origin's host alone.

    `kept`: the SHA-256 of the film's master in the store, in hex; `can_fetch` says whether a location can be read here.
    """
    if request.source:
        return request
    if kept:
        name = request.film_name or PurePosixPath(request.location).name
        return msgspec.structs.replace(request, source=kept, upload_id="", location="", film_name=name)
    return request if request.location and can_fetch(request.location) else None


@dataclass(frozen=True, slots=True)
class Homes:
    """The origins of a queue; `home` is this one's name in it. `planned`: the position of a plan's first step."""

    database: Database
    home: str
    planned: int

    async def note(self, now: float) -> None:
        """Say that this origin is there. Raises StorageFailed."""
        async with self.database.write() as connection:
            made = self.database.insert(homes).values(home=self.home, seen=now)
            await connection.execute(made.on_conflict_do_update(index_elements=[homes.c.home], set_={"seen": now}))

    async def adopt(
        self, now: float, silent: float, can_fetch: Callable[[str], bool], after: int = 0
    ) -> tuple[list[str], int]:
        """Take the jobs of origins that were silent for so many seconds. Raises StorageFailed.

        Returns the ids of the adopted jobs, and the number of the job after which the next call continues: jobs that
        cannot be adopted must not hide later ones.
        """
        async with self.database.read() as connection:
            query = select(jobs.c.job_id, jobs.c.number).where(self._is_orphan(now - silent), jobs.c.number > after)
            found = (await connection.execute(query.order_by(jobs.c.number).limit(MAX_AT_ONCE))).all()
        adopted = []
        for job_id, _ in found:
            async with self.database.write() as connection:
                job = await lock_job(connection, job_id)
                still = select(
                    exists(select(jobs.c.job_id).where(jobs.c.job_id == job_id, self._is_orphan(now - silent)))
                )
                if job is None or not (await connection.execute(still)).scalar_one():
                    continue  # it ended, its origin is back, or another one was quicker
                if await self._adopt(connection, job, now, can_fetch):
                    adopted.append(job_id)
        return adopted, found[-1].number if len(found) == MAX_AT_ONCE else 0

    def _is_orphan(self, since: float):  # type: ignore[no-untyped-def]  # noqa: ANN202 (SQLAlchemy's)
        """The condition that a job is active and its origin was not there since a moment."""
        seen = exists(select(homes.c.home).where(homes.c.home == jobs.c.home, homes.c.seen >= since))
        active = [state.value for state in JobState if state not in ENDED_JOBS]
        return jobs.c.state.in_(active) & (jobs.c.home != self.home) & (jobs.c.changed < since) & ~seen

    async def _adopt(self, connection: AsyncConnection, job: Row, now: float, can_fetch: Callable[[str], bool]) -> bool:
        """Move a locked job to this origin; False, and an alert, if its film is not to be had here."""
        job_id = job["job_id"]
        query = select(steps.c.step_id, steps.c.kind, steps.c.state, steps.c.position).where(steps.c.job_id == job_id)
        found = (await connection.execute(query)).all()
        published = any(kind == StepKind.PUBLISH.value and state == StepState.DONE.value for _, kind, state, _ in found)
        values = {"home": self.home, "changed": now}
        if published:  # what is left needs no files
            chosen = [step for step, _, state, _ in found if state != StepState.DONE.value]
        else:
            kept = select(contents.c.source).where(contents.c.content_id == job["content_id"])
            request = msgspec.json.decode(job["request"], type=JobRequest)
            moved = request_elsewhere(request, (await connection.execute(kept)).scalar(), can_fetch)
            if moved is None:
                await self._alert(connection, job, now)
                return False
            values |= {"request": json_text(moved), "plan": None}
            await drop_planned_steps(connection, job_id, self.planned)
            chosen = [step for step, _, _, position in found if position < self.planned]
        await connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(**values))
        await reset_steps(connection, job_id, chosen)
        await self.database.notify(connection, job_id)
        return True

    async def _alert(self, connection: AsyncConnection, job: Row, now: float) -> None:
        """Once a job."""
        kind = AlertKind.ORIGIN_SILENT
        known = select(alerts.c.number).where(alerts.c.job_id == job["job_id"], alerts.c.kind == kind.value)
        if (await connection.execute(known.limit(1))).first() is None:
            detail = f"the film is on the host of {job['home']} alone, which is silent"
            made = alert_row(kind, now, detail, job["content_id"], job["job_id"], None)
            await connection.execute(insert(alerts).values(**made))
