"""Experiments over HTTP: what operators define, start, stop and read, and a viewer's own arms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from httpd.openapi import Parameter
from kernel.clock import Clock
from kernel.errors import BadRequest
from services.http import params
from services.http.body_schema import schema_of
from services.http.route import Access, Route, json_response
from services.recommend.experiments.assignment import EXPOSED_ARM, HOLDOUT_ARM
from services.recommend.experiments.definition import (
    EXPERIMENT_ID,
    HOLDOUT,
    METRIC_SENTENCES,
    Arm,
    Experiment,
    State,
    StoredExperiment,
    fault_of,
)
from services.recommend.experiments.exploration import evaluate_policies
from services.recommend.experiments.registry import ExperimentRegistry
from services.recommend.experiments.report import make_report
from services.recommend.experiments.store import ExperimentStore

PATH = "/recommendations/experiments"
MAX_DAYS = 365
_ID = Parameter(
    "experimentId",
    "The experiment.",
    location="path",
    schema={"type": "string", "pattern": f"^{EXPERIMENT_ID.pattern}$"},
)
_SURFACE = Parameter("surface", "Only viewers first exposed there.", schema={"type": "string", "maxLength": 64})
_DEVICE = Parameter("device", "Only viewers first exposed on it.", schema={"type": "string", "maxLength": 64})
_OBJECT = {"type": "object"}


class ExperimentRoutes:
    """`/recommendations/experiments` and `/recommendations/off-policy`; all need an API key."""

    def __init__(self, store: ExperimentStore, registry: ExperimentRegistry, clock: Clock) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        days = Parameter("days", "Of so many last days.", schema=params.integer_schema(1, MAX_DAYS, 28))
        hours = Parameter(
            "windowHours", "Hours in which a title must be opened to count.", schema=params.integer_schema(1, 720, 24)
        )
        operator, one = Access.OPERATOR, f"{PATH}/{{experimentId}}"
        return (
            Route("GET", PATH, self.list_all, operator, "The experiments", response={"type": "array"}),
            Route(
                "PUT", one, self.put, operator, "Define an experiment, as a draft", (_ID,),
                body=schema_of(Experiment), response=_OBJECT, errors=(409,),
            ),
            Route("GET", one, self.get, operator, "One experiment", (_ID,), response=_OBJECT, errors=(404,)),
            Route(
                "DELETE", one, self.delete, operator, "Delete an experiment that does not run", (_ID,),
                response=_OBJECT, errors=(404, 409),
            ),
            Route(
                "POST", f"{one}/start", self.start, operator, "Start a draft", (_ID,), body=_OBJECT,
                response=_OBJECT, errors=(404, 409),
            ),
            Route(
                "POST", f"{one}/stop", self.stop, operator, "Stop an experiment for good", (_ID,), body=_OBJECT,
                response=_OBJECT, errors=(404, 409),
            ),
            Route(
                "GET", f"{one}/report", self.report, operator,
                "What an experiment has shown so far, with intervals that may be looked at at any time",
                (_ID, _SURFACE, _DEVICE), response=_OBJECT, errors=(404,),
            ),
            Route(
                "GET", "/recommendations/off-policy", self.off_policy, operator,
                "What policies that never ran would earn, by the titles that were drawn at random",
                (days, hours), response=_OBJECT,
            ),
        )  # fmt: skip

    async def list_all(self, _: web.Request) -> web.Response:
        """All experiments."""
        return json_response([shown_experiment(one) for one in await self._store.list_all()])

    async def get(self, request: web.Request) -> web.Response:
        """One experiment."""
        return json_response(shown_experiment(await self._store.find(_id(request))))

    async def put(self, request: web.Request) -> web.Response:
        """Define or change a draft."""
        experiment_id, experiment = _id(request), await params.body(request, Experiment)
        if fault := fault_of(experiment_id, experiment):
            raise BadRequest(400, "experiment", fault)
        return json_response(shown_experiment(await self._store.put(experiment_id, experiment)))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete an experiment with its exposures."""
        await self._store.delete(_id(request))
        return json_response({"status": "deleted"})

    async def start(self, request: web.Request) -> web.Response:
        """Start a draft; other processes follow within a second."""
        started = await self._store.start(_id(request), self._clock.wall())
        await self._registry.reload()
        return json_response(shown_experiment(started))

    async def stop(self, request: web.Request) -> web.Response:
        """Stop an experiment."""
        stopped = await self._store.stop(_id(request), self._clock.wall())
        await self._registry.reload()
        return json_response(shown_experiment(stopped))

    async def report(self, request: web.Request) -> web.Response:
        """The report of an experiment, or of the holdout."""
        experiment_id = _id(request)
        if experiment_id == HOLDOUT:
            shown, experiment = {"experimentId": HOLDOUT}, self._holdout()
        else:
            stored = await self._store.find(experiment_id)
            shown, experiment = shown_experiment(stored), stored.experiment
        arms = [arm.name for arm in experiment.arms]
        surface, device = params.text(request, "surface") or "", params.text(request, "device") or ""
        now = self._clock.wall()
        results = await self._store.read_results(experiment_id, arms, experiment.window, now, surface, device)
        return json_response({"experiment": shown, "at": now} | make_report(experiment, results))

    def _holdout(self) -> Experiment:
        share = self._registry.holdout
        if not 0 < share < 1:
            raise BadRequest(404, "experiment-unknown", "there is no holdout: see the setting experiment_holdout")
        arms = (Arm(HOLDOUT_ARM, share * 1_000), Arm(EXPOSED_ARM, (1 - share) * 1_000))
        return Experiment("Holdout", arms)

    async def off_policy(self, request: web.Request) -> web.Response:
        """IPS and SNIPS of each policy."""
        days = params.integer(request, "days", 28, 1, MAX_DAYS)
        window = params.integer(request, "windowHours", 24, 1, 720) * 3_600.0
        now = self._clock.wall()
        # A draw whose window is still open has not earned yet what it may.
        draws = await self._store.read_draws(now - days * 86_400.0, now - window, window)
        return json_response({"days": days, "draws": len(draws), "policies": evaluate_policies(draws)})


def shown_experiment(stored: StoredExperiment) -> dict[str, Any]:
    """An experiment as JSON."""
    return {
        "experimentId": stored.experiment_id,
        "state": stored.state.value,
        "started": stored.started,
        "stopped": stored.stopped,
        "metricText": METRIC_SENTENCES[stored.experiment.metric],
        "slots": [stored.first_slot, stored.experiment.slots] if stored.state is State.RUNNING else None,
        "definition": stored.experiment,
    }


def shown_assignments(assignments: Sequence[Any]) -> list[dict[str, Any]]:
    """A viewer's arms as JSON."""
    return [{"experimentId": one.experiment_id, "arm": one.arm, "page": one.changes.page} for one in assignments]


def _id(request: web.Request) -> str:
    experiment_id = request.match_info["experimentId"]
    if not EXPERIMENT_ID.fullmatch(experiment_id):
        raise BadRequest(
            400, "experiment-id", "the id of an experiment has 1 to 40 lower-case letters, digits and hyphens"
        )
    return experiment_id
