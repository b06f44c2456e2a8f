"""The experiments of operators, who was exposed to which arm and what they did since, and the draws of exploration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Float, and_, case, cast, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.errors import BadRequest
from services.recommend.events import Action
from services.recommend.experiments.definition import (
    MAX_EXPERIMENTS,
    Experiment,
    Metric,
    State,
    StoredExperiment,
    find_slots,
)
from services.recommend.experiments.records import Draw, Exposure
from services.recommend.experiments.report import ArmResult
from services.recommend.experiments.statistics import Sample
from services.recommend.schema import draws, events, experiments, exposures
from system.database.database import Database

COMPLETED = 0.9
MAX_OUTCOME = 200.0
"""Titles of one viewer that count: a viewer of thousands is a program, and would decide an experiment alone."""
MAX_DRAWS = 200_000
"""Of the latest draws, that are evaluated."""
_decoder = msgspec.json.Decoder(Experiment)


class ExperimentStore:
    """Experiments, exposures and draws in the feedback's database. Methods raise StorageFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_all(self) -> list[StoredExperiment]:
        """All experiments by id."""
        async with self._database.read() as connection:
            return await _all(connection)

    async def put(self, experiment_id: str, experiment: Experiment) -> StoredExperiment:
        """Create or change a draft. Raises BadRequest (409)."""
        async with self._database.write() as connection:
            held = {one.experiment_id: one for one in await _all(connection)}
            old = held.get(experiment_id)
            if old is not None and old.state is not State.DRAFT:
                raise BadRequest(
                    409, "experiment-begun", f"the experiment is {old.state.value}: only a draft can change"
                )
            if old is None and len(held) >= MAX_EXPERIMENTS:
                raise BadRequest(409, "too-many-experiments", "there are too many experiments: delete one first")
            insert = self._database.insert(experiments)
            body = msgspec.json.encode(experiment).decode()
            statement = insert.on_conflict_do_update(
                index_elements=["experiment_id"], set_={"body": insert.excluded.body}
            )
            row = {"experiment_id": experiment_id, "body": body, "state": State.DRAFT.value, "salt": token_hex(8)}
            await connection.execute(statement, row | {"first_slot": 0, "slots": 0})
            return next(one for one in await _all(connection) if one.experiment_id == experiment_id)

    async def start(self, experiment_id: str, now: float) -> StoredExperiment:
        """Start a draft: it gets its slots of the layer. Raises BadRequest (404, 409). `now` in Unix seconds."""
        async with self._database.write() as connection:
            held = await _all(connection)
            one = _find(held, experiment_id, State.DRAFT)
            taken = [
                (other.first_slot, other.experiment.slots)
                for other in held
                if other.state is State.RUNNING and other.experiment.layer == one.experiment.layer
            ]
            first = find_slots(one.experiment.slots, taken)
            if first is None:
                raise BadRequest(
                    409, "layer-full", f"the layer {one.experiment.layer} has no such share of its profiles left"
                )
            mine = experiments.c.experiment_id == experiment_id
            values = {"state": State.RUNNING.value, "first_slot": first, "slots": one.experiment.slots, "started": now}
            await connection.execute(update(experiments).where(mine).values(values))
            return _find(await _all(connection), experiment_id, State.RUNNING)

    async def stop(self, experiment_id: str, now: float) -> StoredExperiment:
        """Stop a running experiment for good. Raises BadRequest (404, 409)."""
        async with self._database.write() as connection:
            _find(await _all(connection), experiment_id, State.RUNNING)
            mine = experiments.c.experiment_id == experiment_id
            await connection.execute(update(experiments).where(mine).values(state=State.STOPPED.value, stopped=now))
            return _find(await _all(connection), experiment_id, State.STOPPED)

    async def delete(self, experiment_id: str) -> None:
        """Delete an experiment that does not run, with its exposures. Raises BadRequest (404, 409)."""
        async with self._database.write() as connection:
            _find(await _all(connection), experiment_id, State.DRAFT, State.STOPPED)
            for table in (experiments, exposures):
                await connection.execute(delete(table).where(table.c.experiment_id == experiment_id))

    async def find(self, experiment_id: str) -> StoredExperiment:
        """One experiment. Raises BadRequest (404)."""
        return _find(await self.list_all(), experiment_id, *State)

    async def add_seen(self, connection: AsyncConnection, seen: Sequence[Exposure], drawn: Sequence[Draw]) -> None:
        """Add exposures and draws in a transaction of the caller; what came before stays.

        A viewer who is seen in a second arm, as after a change of country, stays in the first and is counted as such.
        """
        if seen:
            insert = self._database.insert(exposures)
            new, held = insert.excluded, exposures.c
            statement = insert.on_conflict_do_update(
                index_elements=["experiment_id", "user"],
                set_={
                    "several": case((new.arm != held.arm, 1), else_=held.several),
                    "at": case((and_(new.arm == held.arm, new.at < held.at), new.at), else_=held.at),
                },
            )
            rows = [msgspec.structs.asdict(one) | {"several": 0} for one in seen]
            await connection.execute(statement, sorted(rows, key=lambda row: (row["experiment_id"], row["user"])))
        if drawn:
            insert = self._database.insert(draws).on_conflict_do_nothing(index_elements=["draw_id"])
            rows = [
                msgspec.structs.asdict(one) | {"choices": msgspec.json.encode(one.choices).decode()} for one in drawn
            ]
            await connection.execute(insert, rows)

    async def read_results(
        self, experiment_id: str, arms: Sequence[str], window: float, now: float, surface: str = "", device: str = ""
    ) -> list[ArmResult]:
        """What the viewers of each arm did within `window` seconds of their first exposure, where that has passed."""
        seen = exposures.c
        chosen = [seen.experiment_id == experiment_id]
        chosen += [seen.surface == surface] if surface else []
        chosen += [seen.device == device] if device else []
        async with self._database.read() as connection:
            counts = select(seen.arm, func.count(), func.sum(seen.several)).where(*chosen).group_by(seen.arm)
            exposed = {arm: (count, several) for arm, count, several in await connection.execute(counts)}
            sums = await connection.execute(_sums(and_(*chosen, seen.at + window <= now, seen.several == 0), window))
            found = {row.arm: row for row in sums}
        return [
            ArmResult(
                int(exposed.get(arm, (0, 0))[0]),
                int(exposed.get(arm, (0, 0))[1] or 0),
                {metric: _sample(found.get(arm), number) for number, metric in enumerate(Metric)},
            )
            for arm in arms
        ]

    async def read_draws(
        self, since: float, until: float, window: float
    ) -> list[tuple[float, float, Mapping[str, str], str]]:
        """(propensity, reward, what each policy would have shown, what was shown) of the latest draws.

        The reward is 1 where the viewer opened or began the title within `window` seconds, else 0. Unix seconds.
        """
        acted = (
            select(events.c.id)
            .where(
                events.c.user == draws.c.user,
                events.c.content == draws.c.content,
                events.c.action.in_([Action.CLICK, Action.START, Action.VIEW, Action.WATCH]),
                events.c.at >= draws.c.at,
                events.c.at <= draws.c.at + window,
            )
            .exists()
        )
        query = (
            select(draws.c.propensity, case((acted, 1.0), else_=0.0), draws.c.choices, draws.c.content)
            .where(draws.c.at >= since, draws.c.at <= until)
            .order_by(draws.c.at.desc())
            .limit(MAX_DRAWS)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [(row[0], row[1], msgspec.json.decode(row[2], type=dict[str, str]), row[3]) for row in rows]


def _sums(chosen: Any, window: float) -> Any:
    """Viewers, sums and sums of squares by arm, of each metric."""
    seen, did = exposures.c, events.c
    within = and_(did.user == seen.user, did.at >= seen.at, did.at <= seen.at + window)
    watched = case((did.seconds.is_not(None), did.seconds), else_=func.coalesce(did.value, 0.0))
    counted = {
        Metric.CLICKS: _titles(did.action == Action.CLICK.value),
        Metric.STARTS: _titles(did.action.in_([Action.START.value, Action.VIEW.value, Action.WATCH.value])),
        Metric.COMPLETIONS: _titles(and_(did.action == Action.WATCH.value, did.value >= COMPLETED)),
        Metric.WATCH_TIME: func.coalesce(func.sum(case((did.action == Action.WATCH.value, watched), else_=0.0)), 0.0),
    }
    each = (
        select(seen.arm, seen.user, *(counted[metric].label(f"m{number}") for number, metric in enumerate(Metric)))
        .select_from(exposures.outerjoin(events, within))
        .where(chosen)
        .group_by(seen.arm, seen.user)
        .subquery()
    )
    columns = []
    for number, metric in enumerate(Metric):
        value: ColumnElement[float] = cast(each.c[f"m{number}"], Float)
        if metric is not Metric.WATCH_TIME:
            value = case((value > MAX_OUTCOME, MAX_OUTCOME), else_=value)
        columns += [func.sum(value).label(f"s{number}"), func.sum(value * value).label(f"q{number}")]
    return select(each.c.arm, func.count().label("viewers"), *columns).group_by(each.c.arm)


def _titles(condition: Any) -> Any:
    """How many titles of a viewer have an event like this: a title that is opened ten times counts once."""
    return func.count(case((condition, events.c.content)).distinct())


def _sample(row: Any, number: int) -> Sample:
    if row is None:
        return Sample(0, 0.0, 0.0)
    values = row._mapping
    return Sample(int(values["viewers"]), float(values[f"s{number}"] or 0), float(values[f"q{number}"] or 0))


def _find(held: Sequence[StoredExperiment], experiment_id: str, *states: State) -> StoredExperiment:
    found = next((one for one in held if one.experiment_id == experiment_id), None)
    if found is None:
        raise BadRequest(404, "experiment-unknown", "there is no such experiment")
    if found.state not in states:
        wanted = " or ".join(state.value for state in states)
        raise BadRequest(409, "experiment-state", f"the experiment is {found.state.value}, not {wanted}")
    return found


async def _all(connection: AsyncConnection) -> list[StoredExperiment]:
    columns = experiments.c
    rows = (await connection.execute(select(experiments).order_by(columns.experiment_id))).mappings().all()
    return [
        StoredExperiment(
            row["experiment_id"],
            _decoder.decode(row["body"]),
            State(row["state"]),
            row["salt"],
            row["first_slot"],
            row["started"],
            row["stopped"],
        )
        for row in rows
    ]
