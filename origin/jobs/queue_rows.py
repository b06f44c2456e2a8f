"""Statements of the queue that several changes share; each runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from origin.jobs.job_graph import Step
from origin.jobs.job_states import (
    CONTENT_TRANSITIONS,
    STEP_TRANSITIONS,
    ContentEvent,
    ContentStatus,
    StepEvent,
    StepState,
    next_state,
)
from origin.jobs.records import JobRequest
from origin.jobs.schema import contents, jobs, needs, steps, workers
from system.database.database import Database

Row = Mapping[Any, Any]


def json_text(value: object) -> str:
    """A value as JSON text."""
    return msgspec.json.encode(value).decode()


def is_step(job_id: str, step_id: str) -> ColumnElement[bool]:
    """The condition that names one step."""
    return and_(steps.c.job_id == job_id, steps.c.step_id == step_id)


def held_by(token: str) -> ColumnElement[bool]:
    """The condition that a running step is leased under this token."""
    return and_(steps.c.token == token, steps.c.state == StepState.RUNNING.value)


async def lock_job(connection: AsyncConnection, job_id: str) -> Row | None:
    """The job, locked until the transaction ends; None if there is none."""
    query = select(jobs).where(jobs.c.job_id == job_id).with_for_update()
    return (await connection.execute(query)).mappings().first()


async def read_held(connection: AsyncConnection, token: str) -> tuple[Row, Row] | None:
    """(job, step) of a lease, with the job locked; None if the lease is lost."""
    query = select(steps.c.job_id, steps.c.step_id).where(held_by(token))
    found = (await connection.execute(query)).first()
    if found is None:
        return None
    job = await lock_job(connection, found[0])
    # Read again under the lock: the lease may have expired while this transaction waited for it.
    step = (await connection.execute(select(steps).where(is_step(*found), held_by(token)))).mappings().first()
    return (job, step) if job is not None and step is not None else None


async def put_content(connection: AsyncConnection, database: Database, request: JobRequest, now: float) -> None:
    """Make the title of a request, or update what the request says of it."""
    given: dict[str, Any] = {"profiles": json_text(request.profiles), "changed": now}
    given |= {"title": request.title} if request.title is not None else {}
    given |= {"metadata": json_text(request.metadata)} if request.metadata is not None else {}
    given |= {"location": request.location} if request.location else {}
    new = {"metadata": "{}", "created": now, "status": ContentStatus.UPLOADING.value} | given
    statement = database.insert(contents).values(content_id=request.content_id, **new)
    await connection.execute(statement.on_conflict_do_update(index_elements=[contents.c.content_id], set_=given))


async def move_content(
    connection: AsyncConnection, content_id: str, event: ContentEvent, now: float, *, reason: str | None, **more: Any
) -> None:
    """A title's next state. Raises Bug for an event that cannot happen."""
    query = select(contents.c.status).where(contents.c.content_id == content_id).with_for_update()
    status = ContentStatus((await connection.execute(query)).scalar_one())
    values = {"status": next_state(CONTENT_TRANSITIONS, status, event).value, "reason": reason, "changed": now} | more
    await connection.execute(update(contents).where(contents.c.content_id == content_id).values(**values))


async def move_step(connection: AsyncConnection, step: Row, event: StepEvent, **values: Any) -> None:
    """A step's next state; its lease ends."""
    state = next_state(STEP_TRANSITIONS, StepState(step["state"]), event)
    lease = {"token": None, "lease_until": None}
    where = is_step(step["job_id"], step["step_id"])
    await connection.execute(update(steps).where(where).values(state=state.value, **lease, **values))


async def insert_steps(connection: AsyncConnection, job_id: str, new: Sequence[Step], position: int) -> None:
    """Add steps; those whose needs are all met are ready. `position` is that of the first one."""
    if not new:
        return
    query = select(steps.c.step_id).where(steps.c.job_id == job_id, steps.c.state == StepState.DONE.value)
    done = set((await connection.execute(query)).scalars())
    rows = []
    for at, step in enumerate(new, position):
        unmet = len(set(step.needs) - done)
        rows.append(
            {
                "job_id": job_id, "step_id": step.id, "kind": step.kind.value, "spec": json_text(step), "position": at,
                "state": (StepState.WAITING if unmet else StepState.READY).value, "unmet": unmet,
                "weight": step.weight, "progress": 0.0, "failures": 0, "losses": 0, "not_before": 0.0,
            }
        )  # fmt: skip
    await connection.execute(insert(steps), rows)
    edges = [{"job_id": job_id, "step_id": step.id, "needed": need} for step in new for need in step.needs]
    if edges:
        await connection.execute(insert(needs), edges)


async def drop_planned_steps(connection: AsyncConnection, job_id: str, position: int) -> None:
    """Delete the steps of an earlier plan: those from a position on."""
    planned = select(steps.c.step_id).where(steps.c.job_id == job_id, steps.c.position >= position)
    await connection.execute(delete(needs).where(needs.c.job_id == job_id, needs.c.step_id.in_(planned)))
    await connection.execute(delete(steps).where(steps.c.job_id == job_id, steps.c.position >= position))


async def count_as_met(connection: AsyncConnection, job_id: str, step_id: str) -> None:
    """A step is done: the steps that waited for it alone are ready."""
    waiting = select(needs.c.step_id).where(needs.c.job_id == job_id, needs.c.needed == step_id)
    one_of_them = and_(steps.c.job_id == job_id, steps.c.step_id.in_(waiting), steps.c.state == StepState.WAITING.value)
    await connection.execute(update(steps).where(one_of_them).values(unmet=steps.c.unmet - 1))
    await _make_ready(connection, job_id)


async def _make_ready(connection: AsyncConnection, job_id: str) -> None:
    ready = next_state(STEP_TRANSITIONS, StepState.WAITING, StepEvent.NEEDS_MET)
    free = and_(steps.c.job_id == job_id, steps.c.state == StepState.WAITING.value, steps.c.unmet <= 0)
    await connection.execute(update(steps).where(free).values(state=ready.value))


async def cancel_steps(connection: AsyncConnection, job_id: str, now: float) -> None:
    """Cancel all steps that have not ended."""
    for state in (StepState.WAITING, StepState.READY, StepState.RUNNING):
        cancelled = next_state(STEP_TRANSITIONS, state, StepEvent.CANCEL)
        await connection.execute(
            update(steps)
            .where(steps.c.job_id == job_id, steps.c.state == state.value)
            .values(state=cancelled.value, token=None, lease_until=None, finished=now)
        )


async def reset_steps(connection: AsyncConnection, job_id: str, ids: Iterable[str], **values: Any) -> None:
    """Let steps run again as if they had not; then find out which are ready."""
    reset = [state.value for state, event in STEP_TRANSITIONS if event is StepEvent.RESET]
    fresh = {"state": StepState.WAITING.value, "token": None, "lease_until": None, "progress": 0.0, "not_before": 0.0}
    chosen = and_(steps.c.job_id == job_id, steps.c.step_id.in_(list(ids)), steps.c.state.in_(reset))
    await connection.execute(update(steps).where(chosen).values(**fresh, finished=None, **values))
    other = steps.alias("other")
    unmet = (
        select(func.count())
        .select_from(needs.join(other, and_(other.c.job_id == needs.c.job_id, other.c.step_id == needs.c.needed)))
        .where(needs.c.job_id == job_id, needs.c.step_id == steps.c.step_id, other.c.state != StepState.DONE.value)
        .scalar_subquery()
    )
    waiting = and_(steps.c.job_id == job_id, steps.c.state == StepState.WAITING.value)
    await connection.execute(update(steps).where(waiting).values(unmet=unmet))
    await _make_ready(connection, job_id)


class ReceivedFilm(msgspec.Struct, frozen=True):
    """The result of `receive`: SHA-256 in hex and size in bytes; `kept`: the master is in the store."""

    sha256: str = ""
    size: int = 0
    kept: bool = False


async def note_source(connection: AsyncConnection, content_id: str, result: bytes) -> None:
    """Note the master of a title, from the result of `receive`."""
    film = msgspec.json.decode(result, type=ReceivedFilm)
    values = {"source": film.sha256 if film.kept else None, "source_bytes": film.size}
    await connection.execute(update(contents).where(contents.c.content_id == content_id).values(**values))


async def note_worker(
    connection: AsyncConnection, database: Database, worker: str, host: str, kinds: Collection[str], now: float
) -> None:
    """Note that a worker was here."""
    seen = {"host": host, "kinds": ",".join(sorted(kinds)), "seen": now}
    statement = database.insert(workers).values(worker=worker, **seen)
    await connection.execute(statement.on_conflict_do_update(index_elements=[workers.c.worker], set_=seen))


def dependants(edges: Iterable[tuple[str, str]], roots: Collection[str]) -> set[str]:
    """The roots and every step that needs one of them, directly or not. `edges`: (step, needed step)."""
    followers: dict[str, list[str]] = {}
    for step, needed in edges:
        followers.setdefault(needed, []).append(step)
    found, left = set(roots), list(roots)
    while left:
        for step in followers.get(left.pop(), ()):
            if step not in found:
                found.add(step)
                left.append(step)
    return found
