"""Reads of the queue: titles, jobs, workers and alerts, as the API and the command line show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from origin.encode.source import Dropped
from origin.jobs.alerts import AlertKind, alert_row
from origin.jobs.job_graph import Step
from origin.jobs.job_states import ENDED_JOBS, ContentStatus, JobState, StepState
from origin.jobs.queue_rows import held_by, json_text
from origin.jobs.records import AlertView, ContentView, JobRequest, JobView, StepView, WorkerView
from origin.jobs.schema import alerts, contents, jobs, steps, workers
from system.database.database import Database

MAX_ROWS = 1_000


class JobViews:
    """The reading side of the queue."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def content(self, content_id: str) -> ContentView | None:
        """A title, or None."""
        async with self._database.read() as connection:
            query = select(contents).where(contents.c.content_id == content_id)
            row = (await connection.execute(query)).mappings().first()
        return _content(row) if row is not None else None

    async def add_content(self, made: ContentView) -> bool:
        """Make a title; False if there is one of this id."""
        try:
            async with self._database.write() as connection:
                row = {
                    "content_id": made.content_id, "status": made.status.value, "title": made.title,
                    "metadata": json_text(made.metadata), "location": made.location,
                    "profiles": json_text(made.profiles), "published": made.published,
                    "created": made.created, "changed": made.changed,
                }  # fmt: skip
                await connection.execute(insert(contents).values(**row))
        except IntegrityError:
            return False
        return True

    async def job(self, job_id: str) -> JobView | None:
        """A job with its steps in order, or None."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(jobs).where(jobs.c.job_id == job_id))).mappings().first()
            if row is None:
                return None
            query = select(steps).where(steps.c.job_id == job_id).order_by(steps.c.position)
            return _job(row, (await connection.execute(query)).mappings().all())

    async def active_job(self, content_id: str) -> JobView | None:
        """The latest job of a title that has not ended, or None."""
        async with self._database.read() as connection:
            ended = [state.value for state in ENDED_JOBS]
            query = select(jobs.c.job_id).where(jobs.c.content_id == content_id, jobs.c.state.not_in(ended))
            job_id = (await connection.execute(query.order_by(jobs.c.number.desc()).limit(1))).scalar()
        return await self.job(job_id) if job_id else None

    async def latest_dropped(self, content_id: str) -> tuple[Dropped, ...]:
        """What the latest planned job of a title leaves out."""
        async with self._database.read() as connection:
            query = select(jobs.c.plan).where(jobs.c.content_id == content_id, jobs.c.plan.is_not(None))
            return _dropped((await connection.execute(query.order_by(jobs.c.number.desc()).limit(1))).scalar())

    async def list_jobs(self, states: Sequence[JobState], limit: int, before: int | None = None) -> list[JobView]:
        """The latest jobs in these states (all if none is given); `before` is the number of an earlier page's last."""
        async with self._database.read() as connection:
            query = select(jobs).order_by(jobs.c.number.desc()).limit(min(limit, MAX_ROWS))
            if states:
                query = query.where(jobs.c.state.in_([state.value for state in states]))
            if before is not None:
                query = query.where(jobs.c.number < before)
            rows = (await connection.execute(query)).mappings().all()
            ids = [row["job_id"] for row in rows]
            query = select(steps).where(steps.c.job_id.in_(ids)).order_by(steps.c.position)
            of_job: dict[str, list[Mapping[Any, Any]]] = {job_id: [] for job_id in ids}
            for step in (await connection.execute(query)).mappings():
                of_job[step["job_id"]].append(step)
        return [_job(row, of_job[row["job_id"]]) for row in rows]

    async def count_jobs(self) -> dict[JobState, int]:
        """How many jobs there are in each state."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state))
            return {JobState(state): count for state, count in rows}

    async def count_ready(self, home: str) -> int:
        """Steps of this origin's jobs that are ready or running: what its workers have to do."""
        async with self._database.read() as connection:
            busy = (StepState.READY.value, StepState.RUNNING.value)
            query = select(func.count()).select_from(steps.join(jobs, jobs.c.job_id == steps.c.job_id))
            return (await connection.execute(query.where(jobs.c.home == home, steps.c.state.in_(busy)))).scalar_one()

    async def held_step(self, token: str) -> tuple[str, Step, bytes] | None:
        """(job, step, plan as JSON) of a lease that is held, or None."""
        async with self._database.read() as connection:
            query = select(steps.c.job_id, steps.c.spec, jobs.c.plan).join(jobs, jobs.c.job_id == steps.c.job_id)
            row = (await connection.execute(query.where(held_by(token)))).first()
        return (row[0], msgspec.json.decode(row[1], type=Step), (row[2] or "null").encode()) if row else None

    async def list_workers(self, since: float) -> list[WorkerView]:
        """The workers that were seen since a moment."""
        async with self._database.read() as connection:
            query = select(workers).where(workers.c.seen >= since).order_by(workers.c.worker)
            rows = (await connection.execute(query)).mappings().all()
        return [WorkerView(row["worker"], row["host"], tuple(row["kinds"].split(",")), row["seen"]) for row in rows]

    async def list_alerts(self, after: int, limit: int) -> list[AlertView]:
        """Alerts after a number, the oldest first."""
        async with self._database.read() as connection:
            query = select(alerts).where(alerts.c.number > after).order_by(alerts.c.number).limit(min(limit, MAX_ROWS))
            rows = (await connection.execute(query)).mappings().all()
        return [AlertView(**row) for row in rows]

    async def last_alert(self) -> int:
        """The number of the latest alert, 0 if there is none."""
        async with self._database.read() as connection:
            return (await connection.execute(select(func.max(alerts.c.number)))).scalar() or 0

    async def raise_stuck(self, home: str, now: float, after: float) -> int:
        """Raise an alert, once an attempt, for steps that stand still or wait for a worker; returns how many.

        `after`: seconds without progress.
        """
        raised = 0
        async with self._database.write() as connection:
            ready_since = func.coalesce(steps.c.finished, jobs.c.changed, jobs.c.created)
            joined = select(steps, jobs.c.content_id).join(jobs, jobs.c.job_id == steps.c.job_id)
            joined = joined.where(jobs.c.home == home)
            stuck = joined.where(steps.c.state == StepState.RUNNING.value, steps.c.progressed < now - after)
            waiting = joined.where(
                steps.c.state == StepState.READY.value, steps.c.not_before < now - after, ready_since < now - after
            )
            for kind, query in ((AlertKind.STEP_STUCK, stuck), (AlertKind.JOB_WAITING, waiting)):
                for row in (await connection.execute(query.limit(100))).mappings().all():
                    known = select(alerts.c.number).where(
                        alerts.c.job_id == row["job_id"], alerts.c.step_id == row["step_id"],
                        alerts.c.kind == kind.value, alerts.c.at >= (row["started"] or 0.0),
                    )  # fmt: skip
                    if (await connection.execute(known.limit(1))).first() is None:
                        detail = f"{row['step_id']}: no progress for {after:g} s"
                        made = alert_row(kind, now, detail, row["content_id"], row["job_id"], row["step_id"])
                        await connection.execute(insert(alerts).values(**made))
                        raised += 1
        return raised


def _content(row: Mapping[Any, Any]) -> ContentView:
    return ContentView(
        row["content_id"],
        ContentStatus(row["status"]),
        row["reason"],
        row["title"],
        msgspec.json.decode(row["metadata"]),
        row["location"],
        row["source"],
        tuple(msgspec.json.decode(row["profiles"])),
        row["published"],
        row["created"],
        row["changed"],
    )


def _job(row: Mapping[Any, Any], found: Sequence[Mapping[Any, Any]]) -> JobView:
    return JobView(
        job_id=row["job_id"],
        content_id=row["content_id"],
        state=JobState(row["state"]),
        priority=row["priority"],
        request=msgspec.json.decode(row["request"], type=JobRequest),
        created=row["created"],
        started=row["started"],
        finished=row["finished"],
        changed=row["changed"],
        reason=row["reason"],
        detail=row["detail"],
        steps=tuple(_step(step) for step in found),
        number=row["number"],
        dropped=_dropped(row["plan"]),
        home=row["home"],
    )


class _Planned(msgspec.Struct):
    """The part of an EncodePlan that views show."""

    dropped: tuple[Dropped, ...] = ()


def _dropped(plan: str | None) -> tuple[Dropped, ...]:
    return msgspec.json.decode(plan, type=_Planned).dropped if plan else ()


def _step(row: Mapping[Any, Any]) -> StepView:
    return StepView(
        row["step_id"], row["kind"], StepState(row["state"]), row["weight"], row["progress"], row["failures"],
        row["losses"], row["worker"], row["reason"], row["detail"], row["started"], row["finished"], row["not_before"],
    )  # fmt: skip
