"""The durable queue: every change of a job is one transaction, and every state follows the tables of `job_states`.

A worker holds a step by a lease with a token. A worker with another token has lost the step: its result is
dropped. Changes of one job run one after another, under its row; leases of different jobs do not wait for each other.

Over 300 lines because each statement that changes the queue is here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

import msgspec
from sqlalchemy import and_, delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.errors import Overloaded
from kernel.vocabulary import OverloadReason
from origin.jobs.alerts import AlertKind, alert_row
from origin.jobs.job_graph import OPTIONAL_KINDS, Step, StepKind
from origin.jobs.job_states import (
    CONTENT_TRANSITIONS,
    ENDED_JOBS,
    JOB_TRANSITIONS,
    STEP_TRANSITIONS,
    ContentEvent,
    ContentStatus,
    JobEvent,
    JobState,
    StepEvent,
    StepState,
    next_state,
)
from origin.jobs.queue_rows import (
    cancel_steps,
    count_as_met,
    dependants,
    drop_planned_steps,
    held_by,
    insert_steps,
    is_step,
    json_text,
    lock_job,
    move_content,
    move_step,
    note_source,
    note_worker,
    put_content,
    read_held,
    reset_steps,
)
from origin.jobs.records import Failure, JobRequest, Lease
from origin.jobs.retry_policy import ALERT_FROM, FAILURE_SENTENCES, LOSSES, FailureReason, RetryLimits, next_attempt
from origin.jobs.schema import alerts, contents, jobs, needs, steps, workers
from system.database.database import Database

MAX_DETAIL = 2_000
MAX_ACTIVE_JOBS = 100_000
"""Jobs that have not ended, of all origins that share the database; another one is refused."""
_LEASE_TRIES = 8
"""How often a worker that lost a race for a step looks for another one at once."""
PLANNED = 100
"""Position of the first step that a plan adds."""
_ACTIVE = tuple(state for state in JobState if state not in ENDED_JOBS)


@dataclass(frozen=True, slots=True)
class QueueRules:
    """`lease`: seconds until a silent worker is lost; `home`: the origin whose folders hold the jobs' files."""

    lease: float = 30.0
    home: str = "origin"
    limits: RetryLimits = field(default_factory=RetryLimits)


class JobQueue:
    """The queue in an open database. `now` is Unix seconds everywhere."""

    def __init__(self, database: Database, rules: QueueRules) -> None:
        self._database = database
        self._rules = rules

    # -- jobs --------------------------------------------------------------------------------------------------

    async def add_job(self, request: JobRequest, first: Sequence[Step], priority: int, now: float) -> str:
        """Queue a job of a title; returns its id. The title is made when it is new. Raises Overloaded."""
        async with self._database.write() as connection:
            return await self.add_job_within(connection, request, first, priority, now)

    async def add_job_within(
        self, connection: AsyncConnection, request: JobRequest, first: Sequence[Step], priority: int, now: float
    ) -> str:
        """The same in the caller's transaction."""
        await self._check_capacity(connection)
        job_id = f"job-{token_hex(8)}"
        await put_content(connection, self._database, request, now)
        await move_content(connection, request.content_id, ContentEvent.JOB_QUEUED, now, reason=None)
        await connection.execute(
            insert(jobs).values(
                job_id=job_id,
                content_id=request.content_id,
                state=JobState.QUEUED.value,
                home=self._rules.home,
                priority=priority,
                request=json_text(request),
                created=now,
                changed=now,
            )
        )
        await insert_steps(connection, job_id, first, 0)
        await self._database.notify(connection, job_id)
        return job_id

    async def check_capacity(self) -> None:
        """Raises Overloaded while no further job can be queued."""
        async with self._database.read() as connection:
            await self._check_capacity(connection)

    async def _check_capacity(self, connection: AsyncConnection) -> None:
        # Transactions that run at once on PostgreSQL may each count before the others add: the bound is exceeded by
        # at most the connections of the pools.
        active = select(func.count()).select_from(jobs).where(jobs.c.state.in_(_ACTIVE))
        if (await connection.execute(active)).scalar_one() >= MAX_ACTIVE_JOBS:
            raise Overloaded(OverloadReason.JOBS_WAITING)

    async def cancel(self, job_id: str, now: float) -> JobState | None:
        """Cancel a job that has not ended; returns its state afterwards, or None if there is no such job."""
        async with self._database.write() as connection:
            job = await lock_job(connection, job_id)
            if job is None or JobState(job["state"]) in ENDED_JOBS:
                return JobState(job["state"]) if job else None
            await cancel_steps(connection, job_id, now)
            await self._end_job(connection, job, JobEvent.CANCEL, Failure(FailureReason.CANCELLED, ""), now)
            return JobState.CANCELLED

    async def retry(self, job_id: str, now: float) -> JobState | None:
        """Queue a failed or cancelled job again, with what is done kept; returns its state, or None if unknown.

        Raises Overloaded.
        """
        async with self._database.write() as connection:
            job = await lock_job(connection, job_id)
            if job is None or (JobState(job["state"]), JobEvent.RETRY) not in JOB_TRANSITIONS:
                return JobState(job["state"]) if job else None
            await self._check_capacity(connection)
            await self._move_job(connection, job, JobEvent.RETRY, now, reason=None, detail=None, finished=None)
            await move_content(connection, job["content_id"], ContentEvent.JOB_QUEUED, now, reason=None)
            over = (StepState.DEAD.value, StepState.CANCELLED.value)
            query = select(steps.c.step_id).where(steps.c.job_id == job_id, steps.c.state.in_(over))
            again = (await connection.execute(query)).scalars().all()
            await reset_steps(connection, job_id, again, failures=0, losses=0, reason=None, detail=None)
            return JobState.QUEUED

    async def end_upload(self, content_id: str, reason: str, now: float) -> None:
        """The upload of a title ended before it was complete."""
        async with self._database.write() as connection:
            query = select(contents.c.status).where(contents.c.content_id == content_id)
            status = (await connection.execute(query)).scalar()
            if status == ContentStatus.UPLOADING.value:
                await move_content(connection, content_id, ContentEvent.UPLOAD_ENDED, now, reason=reason)

    async def delete_ended(self, before: float) -> list[str]:
        """Delete the records of jobs that ended before a moment; returns their ids."""
        async with self._database.write() as connection:
            ended = [state.value for state in ENDED_JOBS]
            query = select(jobs.c.job_id).where(jobs.c.state.in_(ended), jobs.c.finished < before).limit(1000)
            gone = list((await connection.execute(query)).scalars())
            for table in (needs, steps, jobs):
                await connection.execute(delete(table).where(table.c.job_id.in_(gone)))
            # The latest alert stays: SQLite would give its number to the next one, and readers with a cursor miss that.
            latest = select(func.max(alerts.c.number)).scalar_subquery()
            await connection.execute(delete(alerts).where(alerts.c.at < before, alerts.c.number < latest))
            await connection.execute(delete(workers).where(workers.c.seen < before))
        return gone

    # -- leases ------------------------------------------------------------------------------------------------

    async def lease(self, worker: str, host: str, kinds: Collection[StepKind], now: float) -> Lease | None:
        """Lease the most urgent step of these kinds to a worker; None while there is none."""
        async with self._database.write() as connection:
            await self._expire(connection, now)
            await note_worker(connection, self._database, worker, host, kinds, now)
            for _ in range(_LEASE_TRIES):
                found = (await connection.execute(self._ready(kinds, now))).mappings().first()
                if found is None:
                    return None
                job = await lock_job(connection, found["job_id"])
                if job is not None and JobState(job["state"]) not in ENDED_JOBS:
                    lease = await self._lease_step(connection, job, found, worker, now)
                    if lease is not None:
                        return lease
        return None

    def _ready(self, kinds: Collection[StepKind], now: float) -> Any:
        older = jobs.alias("older")
        # Jobs of one title run one after another: each publication gets a number of its own.
        alone = ~exists(
            select(older.c.number).where(
                older.c.content_id == jobs.c.content_id, older.c.number < jobs.c.number, older.c.state.in_(_ACTIVE)
            )
        )
        return (
            select(steps)
            .join(jobs, jobs.c.job_id == steps.c.job_id)
            .where(
                steps.c.state == StepState.READY.value,
                steps.c.not_before <= now,
                steps.c.kind.in_(sorted(kinds)),
                jobs.c.state.in_(_ACTIVE),
                jobs.c.home == self._rules.home,
                alone,
            )
            .order_by(jobs.c.priority.desc(), jobs.c.number, steps.c.position)
            .limit(1)
        )

    async def _lease_step(
        self, connection: AsyncConnection, job: Mapping[Any, Any], step: Mapping[Any, Any], worker: str, now: float
    ) -> Lease | None:
        token, until = token_hex(16), now + self._rules.lease
        leased = await connection.execute(
            update(steps)
            .where(is_step(job["job_id"], step["step_id"]), steps.c.state == StepState.READY.value)
            .values(
                state=next_state(STEP_TRANSITIONS, StepState.READY, StepEvent.LEASED).value,
                worker=worker,
                token=token,
                lease_until=until,
                progress=0.0,
                started=now,
                progressed=now,
            )
        )
        if not leased.rowcount:  # another worker was quicker
            return None
        if JobState(job["state"]) is JobState.QUEUED:
            await self._move_job(connection, job, JobEvent.STEP_LEASED, now, started=now)
            await move_content(connection, job["content_id"], ContentEvent.JOB_STARTED, now, reason=None)
        return Lease(
            job["job_id"],
            msgspec.json.decode(step["spec"], type=Step),
            token,
            until,
            self._rules.lease,
            step["failures"] + step["losses"] + 1,
            msgspec.json.decode(job["request"], type=JobRequest),
            msgspec.Raw((job["plan"] or "null").encode()),
        )

    async def extend(self, token: str, progress: float, now: float) -> bool:
        """A heartbeat: extend the lease and note the progress (0-1). False if the lease is lost: stop working."""
        done = max(0.0, min(1.0, progress))
        async with self._database.write() as connection:
            moved = await connection.execute(
                update(steps).where(held_by(token), steps.c.progress < done).values(progress=done, progressed=now)
            )
            kept = await connection.execute(
                update(steps).where(held_by(token)).values(lease_until=now + self._rules.lease)
            )
            if moved.rowcount:
                held = select(steps.c.job_id).where(held_by(token)).scalar_subquery()
                await connection.execute(update(jobs).where(jobs.c.job_id == held).values(changed=now))
            return bool(kept.rowcount)

    async def finish(
        self, token: str, now: float, *, result: bytes = b"{}", plan: bytes | None = None, more: Sequence[Step] = ()
    ) -> bool:
        """A step is done. `plan` and `more` steps come from the probe. False if the lease is lost: nothing changed."""
        async with self._database.write() as connection:
            held = await read_held(connection, token)
            if held is None:
                return False
            job, step = held
            await move_step(
                connection, step, StepEvent.FINISHED, progress=1.0, result=result.decode(), finished=now, detail=None
            )
            await connection.execute(
                update(jobs)
                .where(jobs.c.job_id == job["job_id"])
                .values({"changed": now} | ({"plan": plan.decode()} if plan is not None else {}))
            )
            if more:
                await drop_planned_steps(connection, job["job_id"], PLANNED)
                await insert_steps(connection, job["job_id"], more, PLANNED)
            await count_as_met(connection, job["job_id"], step["step_id"])
            await self._database.notify(connection, job["job_id"])
            if step["kind"] == StepKind.RECEIVE.value:
                await note_source(connection, job["content_id"], result)
            if step["kind"] == StepKind.PUBLISH.value:
                await move_content(
                    connection, job["content_id"], ContentEvent.PUBLISHED, now, reason=None, published=now
                )
            await self._end_if_done(connection, job, now)
            return True

    async def fail(self, token: str, failure: Failure, now: float) -> bool:
        """A step failed: it runs again after a pause, or is dead and the job with it. False if the lease is lost."""
        async with self._database.write() as connection:
            held = await read_held(connection, token)
            if held is None:
                return False
            job, step = held
            if failure.redo:
                await self._redo(connection, job, step, failure, now)
            else:
                await self._count_failure(connection, job, step, failure, now)
            return True

    async def release(self, token: str, now: float) -> bool:
        """Give a step back untouched: the worker stops. It counts neither as a failure nor as a loss."""
        async with self._database.write() as connection:
            held = await read_held(connection, token)
            if held is None:
                return False
            await move_step(connection, held[1], StepEvent.RELEASED, not_before=now, progress=0.0)
            return True

    async def count_lost(self, worker: str, now: float) -> int:
        """A worker is known to be dead: its leases end at once. Returns how many."""
        async with self._database.write() as connection:
            query = select(steps).where(steps.c.state == StepState.RUNNING.value, steps.c.worker == worker)
            found = (await connection.execute(query)).mappings().all()
            for step in found:
                await self._lose(connection, step, now)
            await connection.execute(delete(workers).where(workers.c.worker == worker))
            return len(found)

    async def count_lost_at_home(self, now: float) -> int:
        """The origin starts: the workers that its predecessor had started are dead, as their names show."""
        async with self._database.write() as connection:
            query = select(workers.c.worker).where(workers.c.host == self._rules.home)
            names = (await connection.execute(query)).scalars().all()
        return sum([await self.count_lost(name, now) for name in names])

    async def expire(self, now: float) -> int:
        """End the leases whose heartbeats stopped; returns how many."""
        async with self._database.write() as connection:
            return await self._expire(connection, now)

    async def _expire(self, connection: AsyncConnection, now: float) -> int:
        query = select(steps).where(steps.c.state == StepState.RUNNING.value, steps.c.lease_until < now).limit(100)
        found = (await connection.execute(query)).mappings().all()
        for step in found:
            await self._lose(connection, step, now)
        return len(found)

    async def _lose(self, connection: AsyncConnection, step: Mapping[Any, Any], now: float) -> None:
        job = await lock_job(connection, step["job_id"])
        query = select(steps).where(is_step(step["job_id"], step["step_id"]))
        current = (await connection.execute(query)).mappings().one()
        if job is None or current["token"] != step["token"] or current["state"] != StepState.RUNNING.value:
            return  # it finished, or was lost, while this transaction waited for the job
        failure = Failure(FailureReason.WORKER_LOST, f"the worker {step['worker']} is gone")
        await self._count_failure(connection, job, current, failure, now)

    # -- failures ----------------------------------------------------------------------------------------------

    async def _count_failure(
        self,
        connection: AsyncConnection,
        job: Mapping[Any, Any],
        step: Mapping[Any, Any],
        failure: Failure,
        now: float,
    ) -> None:
        lost = failure.reason in LOSSES
        failures, losses = step["failures"] + (not lost), step["losses"] + lost
        pause = None
        if not failure.final:
            pause = next_attempt(failure.reason, failures, losses, self._rules.limits)
        values: dict[str, Any] = {
            "failures": failures,
            "losses": losses,
            "reason": failure.reason.value,
            "detail": failure.detail[:MAX_DETAIL],
        }
        if pause is not None:
            is_gone = failure.reason is FailureReason.WORKER_LOST
            event = StepEvent.LEASE_EXPIRED if is_gone else StepEvent.FAILED
            await move_step(connection, step, event, **values, not_before=now + pause, progress=0.0)
            if failures >= ALERT_FROM or losses >= ALERT_FROM:
                await self._alert(connection, AlertKind.STEP_FAILING, job, step, failure, now)
            return
        await move_step(connection, step, StepEvent.GIVEN_UP, **values, finished=now)
        if StepKind(step["kind"]) in OPTIONAL_KINDS:
            await self._alert(connection, AlertKind.STEP_DEAD, job, step, failure, now)
            await self._end_if_done(connection, job, now)
            return
        await cancel_steps(connection, job["job_id"], now)
        await self._end_job(connection, job, JobEvent.STEP_DEAD, failure, now)
        await self._alert(connection, AlertKind.JOB_FAILED, job, step, failure, now)

    async def _redo(
        self,
        connection: AsyncConnection,
        job: Mapping[Any, Any],
        step: Mapping[Any, Any],
        failure: Failure,
        now: float,
    ) -> None:
        """Reset the steps whose output is missing, everything that depends on them, and the step that noticed it."""
        if step["failures"] + 1 >= self._rules.limits.failures:
            await self._count_failure(connection, job, step, failure, now)
            return
        noted = {
            "failures": step["failures"] + 1,
            "reason": failure.reason.value,
            "detail": failure.detail[:MAX_DETAIL],
        }
        await connection.execute(update(steps).where(is_step(job["job_id"], step["step_id"])).values(**noted))
        query = select(needs.c.step_id, needs.c.needed).where(needs.c.job_id == job["job_id"])
        edges = [(edge[0], edge[1]) for edge in await connection.execute(query)]
        await reset_steps(connection, job["job_id"], dependants(edges, failure.redo) | {step["step_id"]})

    async def _end_if_done(self, connection: AsyncConnection, job: Mapping[Any, Any], now: float) -> None:
        """End a job all of whose steps are done; one that may fail need not be."""
        optional = [kind.value for kind in OPTIONAL_KINDS]
        left = select(func.count()).where(
            steps.c.job_id == job["job_id"],
            steps.c.state != StepState.DONE.value,
            ~and_(steps.c.state == StepState.DEAD.value, steps.c.kind.in_(optional)),
        )
        published = exists(
            select(steps.c.step_id).where(
                steps.c.job_id == job["job_id"],
                steps.c.kind == StepKind.PUBLISH.value,
                steps.c.state == StepState.DONE.value,
            )
        )
        row = (await connection.execute(select(left.scalar_subquery(), published))).one()
        if not row[0] and row[1]:
            await self._move_job(connection, job, JobEvent.ALL_DONE, now, finished=now, reason=None, detail=None)

    async def _end_job(
        self, connection: AsyncConnection, job: Mapping[Any, Any], event: JobEvent, failure: Failure, now: float
    ) -> None:
        sentence = FAILURE_SENTENCES[failure.reason]
        detail = (failure.detail or sentence)[:MAX_DETAIL]
        await self._move_job(connection, job, event, now, finished=now, reason=failure.reason.value, detail=detail)
        others = select(jobs.c.number).where(jobs.c.content_id == job["content_id"], jobs.c.state.in_(_ACTIVE))
        if (await connection.execute(others.limit(1))).first() is None:
            await self._end_content(connection, job["content_id"], detail, now)

    async def _end_content(self, connection: AsyncConnection, content_id: str, detail: str, now: float) -> None:
        """The last job of a title ended without a publication, or with one that could not be announced."""
        query = select(contents.c.status, contents.c.published).where(contents.c.content_id == content_id)
        status, published = (await connection.execute(query)).one()
        event = ContentEvent.JOB_ENDED if published is None else ContentEvent.REPLACEMENT_ENDED
        reason = detail if published is None else None
        if (ContentStatus(status), event) in CONTENT_TRANSITIONS:
            await move_content(connection, content_id, event, now, reason=reason)

    async def _move_job(
        self, connection: AsyncConnection, job: Mapping[Any, Any], event: JobEvent, now: float, **values: Any
    ) -> None:
        state = next_state(JOB_TRANSITIONS, JobState(job["state"]), event)
        await connection.execute(
            update(jobs).where(jobs.c.job_id == job["job_id"]).values(state=state.value, changed=now, **values)
        )
        await self._database.notify(connection, job["job_id"])

    async def _alert(
        self,
        connection: AsyncConnection,
        kind: AlertKind,
        job: Mapping[Any, Any],
        step: Mapping[Any, Any],
        failure: Failure,
        now: float,
    ) -> None:
        detail = f"{step['step_id']}: {failure.detail or FAILURE_SENTENCES[failure.reason]}"[:MAX_DETAIL]
        row = alert_row(kind, now, detail, job["content_id"], job["job_id"], step["step_id"])
        await connection.execute(insert(alerts).values(**row))
