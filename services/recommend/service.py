"""The recommendation service: follows titles, events and models, and makes lists and rows from them.

A list waits for nothing but its viewer's marks. Past the deadline, or where something fails, it is the trend.

Over 300 lines because a list, its deadline, its breaker and what it falls back to are decided together.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import structlog

from kernel.circuit_breaker import CircuitBreaker
from kernel.clock import Clock
from kernel.errors import StorageFailed
from services.counters import Counters
from services.recommend.events import Action, FeedbackEvent
from services.recommend.models.interactions import Floats
from services.recommend.serving.candidates import CandidateSet, CandidateSets
from services.recommend.serving.lists import ListMaker, Ranked, similar_scores, spread_out
from services.recommend.serving.live_trends import LiveTrends
from services.recommend.serving.policies import choose_by_policy
from services.recommend.serving.title_table import TitleTable
from services.recommend.serving.viewer_states import ViewerState, ViewerStates
from services.recommend.store import FeedbackStore
from services.recommend.titles import Audience
from services.recommend.training.artefact import Artefact
from services.storage.group_commit import GroupCommit

log = structlog.get_logger()

MAX_KEPT_LISTS = 20_000
KEEP_LIST_SECONDS = 5.0
SPREAD_POOL = 4
"""A row is chosen from this many times its titles, where they shall differ from each other."""

WAIT_FACTOR = 5.0
"""Deadlines that may pass in waiting for the processor or for a read, before a list gives up."""


class ListSource(StrEnum):
    """Which model made a list, or why another one did."""

    BLEND = "blend"
    TREND = "trend"
    LATE = "trend-late"
    BROKEN = "trend-broken"
    NO_MODEL = "trend-no-model"


SOURCE_SENTENCES = {
    ListSource.BLEND: "The trained models, by what the viewer watched.",
    ListSource.TREND: "The trend of the country: the viewer is new, or does not want to be known.",
    ListSource.LATE: "The trend of the country: the models took longer than the deadline.",
    ListSource.BROKEN: "The trend of the country: the models or the viewer's marks failed, or did so just before.",
    ListSource.NO_MODEL: "The trend of the country: no model has been trained yet.",
}


class DeadlinePassed(Exception):
    """The models were not done in time."""


@dataclass(frozen=True)
class Answer:
    """A list with the version of the model and what made it."""

    items: Sequence[tuple[str, float]]
    source: ListSource
    version: str


ListKey = tuple[str, Audience, int, tuple[tuple[str, float], ...] | None]
"""(user, audience, limit, weights of the blend)."""
KeptList = tuple[float, ViewerState, CandidateSet, Answer]
"""When a list was made (monotonic), what of, and the list."""


@dataclass(frozen=True, slots=True)
class RecommendPolicy:
    """How lists are made: the seconds that one may take, bytes for viewers' marks, how far rows spread out (0 to 1)."""

    deadline: float = 0.020
    state_bytes: int = 256 << 20
    diversity: float = 0.3
    trend_half_life: float = 3 * 86_400.0


class RecommendService:
    """Makes lists. Others put titles into `table`, and report events and models by `note_event` and `use_artefact`."""

    def __init__(
        self,
        store: FeedbackStore,
        clock: Clock,
        counters: Counters,
        policy: RecommendPolicy,
        work_time: Callable[[], float] = time.thread_time,
    ) -> None:
        self._store = store
        self._clock = clock
        self._work_time = work_time
        self._counters = counters
        self.policy = policy
        self.table = TitleTable()
        self.trends = LiveTrends(policy.trend_half_life)
        self.states = ViewerStates(store.read_marks, policy.state_bytes, self.table)
        self.candidates = CandidateSets(self.table, self.trends)
        self.artefact: Artefact | None = None
        self._breaker = CircuitBreaker(failures=10, open_seconds=5.0)
        self._lists: OrderedDict[ListKey, KeptList] = OrderedDict()
        self.writes: GroupCommit[FeedbackEvent] = GroupCommit(self._write)
        self.ready = asyncio.Event()
        """Set once all titles that existed at the start are loaded."""

    @property
    def version(self) -> str:
        """The version of the model; "" without one."""
        return "" if self.artefact is None else self.artefact.manifest.version

    def now(self) -> float:
        """The monotonic clock, by which deadlines are counted."""
        return self._clock.mono()

    def use_artefact(self, artefact: Artefact | None) -> None:
        """Make lists with another model from now on."""
        self.artefact = artefact
        self.candidates.use_model(None if artefact is None else artefact.model)
        if artefact is not None:
            self.trends.start_from(artefact.trends, self.table.positions_of(artefact.model.items))
        self._lists.clear()

    async def _write(self, batch: Sequence[FeedbackEvent]) -> None:
        now = self._clock.wall()
        self._counters.events.inc(await self._store.add_events(batch, now))
        for event in batch:
            self.note_event(event.user, event.content, event.action, event.at, event.country)

    def note_event(self, user: str, content: str, action: str, at: float, country: str | None) -> None:
        """An event was stored: the viewer's marks have changed, and so may the trend."""
        self.states.forget(user)
        position = self.table.position.get(self.table.series_of(content))
        if position is not None and action in (Action.VIEW, Action.WATCH, Action.LIKE):
            self.trends.count_event(user, position, country, at, self._clock.wall())

    def watched(self, country: str | None, most: int) -> dict[str, float]:
        """The titles that viewers of a country watch now, at most `most`, from 1 for the first."""
        scores = self.trends.scores(country, len(self.table))
        best = np.argsort(-scores, kind="stable")[:most]
        top = scores[best[0]] if len(best) else 0.0
        return {self.table.titles[at].content_id: float(scores[at] / top) for at in best.tolist() if scores[at] > 0}

    async def store_feedback(self, event: FeedbackEvent) -> bool:
        """Store feedback durably. Returns False if there is no such title."""
        if event.content not in self.table.position:
            return False
        await self.writes.commit(event)
        return True

    async def recommend(
        self,
        user: str,
        audience: Audience,
        limit: int,
        *,
        personal: bool = True,
        weights: Mapping[str, float] | None = None,
    ) -> Answer:
        """The best titles for a viewer; uses feedback from the moment it is stored. Never raises for a slow model.

        `personal` is False without the viewer's consent. `weights` of the blend, None = the model's own.
        """
        started = self._clock.mono()
        state, source = await self._state_of(user, started, personal=personal)
        found = self.candidates.find(audience, started)
        key = (user, audience, limit, None if weights is None else tuple(sorted(weights.items())))
        kept = self._lists.get(key)
        if kept is not None and self._is_good(kept, state, found, audience, started):
            self._counters.lists.labels(kept[3].source.value).inc()
            return kept[3]
        maker = ListMaker(self.table, found, audience, state)
        ranked, source = self._rank(maker, limit, started, source, weights)
        answer = Answer([(self._id(at), round(score, 6)) for at, score in ranked], source, self.version)
        if source in (ListSource.BLEND, ListSource.TREND):
            self._keep_list(key, (started, state, found, answer))
        self._counters.lists.labels(source.value).inc()
        self._counters.list_seconds.observe(self._clock.mono() - started)
        return answer

    def _is_good(self, kept: KeptList, state: ViewerState, found: CandidateSet, audience: Audience, now: float) -> bool:
        """Whether a list may be given out again: nothing it was made of has changed, all may be shown."""
        made, made_of, made_from, answer = kept
        if made_of is not state or made_from is not found or now - made > KEEP_LIST_SECONDS:
            return False
        return all(self.table.may_show(self.table.position[content], audience) for content, _ in answer.items)

    def _keep_list(self, key: ListKey, kept: KeptList) -> None:
        self._lists[key] = kept
        self._lists.move_to_end(key)
        if len(self._lists) > MAX_KEPT_LISTS:
            self._lists.popitem(last=False)

    async def _state_of(self, user: str, started: float, *, personal: bool) -> tuple[ViewerState, ListSource]:
        """The viewer's marks, and why they are not known if they are not."""
        if not personal:
            return ViewerState(), ListSource.TREND
        state = self.states.held(user, started)
        if state is not None:
            return state, ListSource.BLEND
        try:
            async with asyncio.timeout(self.policy.deadline * WAIT_FACTOR):
                return await self.states.find(user, started), ListSource.BLEND
        except TimeoutError:
            return ViewerState(), ListSource.LATE
        except StorageFailed as error:
            log.warning("marks-unreadable", error=str(error))
            return ViewerState(), ListSource.BROKEN

    def _rank(
        self,
        maker: ListMaker,
        limit: int,
        started: float,
        source: ListSource,
        weights: Mapping[str, float] | None,
    ) -> tuple[Ranked, ListSource]:
        scores, source = self.scores_of(maker, started, source, weights)
        best = [] if scores is None else maker.personal(scores, limit)
        return maker.fill(best, limit), source

    def scores_of(
        self,
        maker: ListMaker,
        started: float,
        source: ListSource = ListSource.BLEND,
        weights: Mapping[str, float] | None = None,
    ) -> tuple[Floats | None, ListSource]:
        """(the blend's score of each candidate or None, what to call the list's source)."""
        if source is not ListSource.BLEND:
            return None, source
        if self.artefact is None:
            return None, ListSource.NO_MODEL
        if not self._breaker.allows(started):
            return None, ListSource.BROKEN
        try:
            scores = maker.personal_scores(self.artefact.model, self._checkpoint(started), weights)
        except DeadlinePassed:
            self._breaker.record_failure(self._clock.mono())
            return None, ListSource.LATE
        except (ValueError, IndexError, ArithmeticError):
            # A model that passed its checksums and still fails is a bug of training: viewers get the trend meanwhile.
            log.exception("model-failed", version=self.version)
            self._breaker.record_failure(self._clock.mono())
            return None, ListSource.BROKEN
        self._breaker.record_success()
        return scores, ListSource.TREND if scores is None else ListSource.BLEND

    def _checkpoint(self, started: float) -> Callable[[], None]:
        worked = self._work_time()

        def check() -> None:
            # Where other programs take the processor, giving up does not make us faster: what counts is our own work.
            waited = (self._clock.mono() - started) / WAIT_FACTOR
            if max(self._work_time() - worked, waited) > self.policy.deadline:
                raise DeadlinePassed

        return check

    async def maker_for(self, user: str, audience: Audience, *, personal: bool) -> tuple[ListMaker, ListSource]:
        """What makes a viewer's rows, and why they are not personal if they are not."""
        started = self._clock.mono()
        state, source = await self._state_of(user, started, personal=personal)
        return ListMaker(self.table, self.candidates.find(audience, started), audience, state), source

    def similar(self, content_id: str, audience: Audience, limit: int) -> Ranked:
        """The titles most like one; those of its genres where the models do not know it. Empty if there is none."""
        at = self.table.position.get(content_id)
        if at is None:
            return []
        found = self.candidates.find(audience, self._clock.mono())
        maker = ListMaker(self.table, found, audience, ViewerState(seen=(content_id,)))
        model = None if self.artefact is None else self.artefact.model
        number = None if model is None else model.number_of.get(content_id)
        if model is not None and number is not None:
            scores = similar_scores(model, number, found)
            if scores is not None:
                if at < len(found.column) and found.column[at] >= 0:
                    scores[found.column[at]] = -float("inf")
                return maker.personal(scores, limit)
        genres = set(self.table.titles[at].genres)
        alike = maker.trending(10 * limit)
        return sorted(alike, key=lambda one: (-len(genres.intersection(self.table.titles[one[0]].genres)), -one[1]))[
            :limit
        ]

    def policy_choices(self, user: str, audience: Audience, among: Sequence[str]) -> dict[str, str]:
        """Which of these titles each policy would show a viewer first: each model alone, and the trend."""
        now = self._clock.mono()
        state = self.states.held(user, now) or ViewerState()
        maker = ListMaker(self.table, self.candidates.find(audience, now), audience, state)
        return choose_by_policy(maker, None if self.artefact is None else self.artefact.model, among)

    def spread(self, found: CandidateSet, ranked: Ranked, limit: int, diversity: float | None = None) -> Ranked:
        """The best of a row, unlike each other as far as the policy, or `diversity`, asks for."""

        def factors_of(at: int) -> Floats | None:
            column = found.column[at] if found.pool is not None and at < len(found.column) else -1
            return found.pool.factors[column] if found.pool is not None and column >= 0 else None

        share = self.policy.diversity if diversity is None else diversity
        return spread_out(ranked[: SPREAD_POOL * limit], factors_of, limit, share)

    def _id(self, at: int) -> str:
        return self.table.titles[at].content_id
