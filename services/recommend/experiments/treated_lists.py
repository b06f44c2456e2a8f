"""Lists and rows under the experiments that a viewer is in, and the records of what they were shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from secrets import token_hex

from kernel.clock import Clock
from services.recommend.curation import CuratedRow
from services.recommend.experiments.assignment import Assignment, merge_changes
from services.recommend.experiments.exploration import DRAWN_FROM, SHOWN, draw_place
from services.recommend.experiments.impressions import Impressions
from services.recommend.experiments.records import SEEN, SeenRecord
from services.recommend.experiments.registry import ExperimentRegistry
from services.recommend.experiments.showing import Showing
from services.recommend.home_page import HomePage
from services.recommend.service import Answer, ListSource, RecommendService
from services.recommend.serving.census import Census
from services.recommend.serving.rows import Row
from services.recommend.titles import Audience

MAX_LOGGED = 20
"""Titles of a list that its record names."""
NEXT_SURFACES = frozenset({"player", "up-next"})
"""Where a list stands at the end of a title: what comes next counts twice there."""
NEXT_MODELS = ("successors", "ease_recent")
Items = list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Treated:
    """A list as it is shown, and the arms that made it so."""

    answer: Answer
    assignments: Sequence[Assignment]


class TreatedLists:
    """Makes the lists that viewers get. `exploration` is the share with a drawn title; `draw` from 0 to 1."""

    def __init__(
        self,
        service: RecommendService,
        registry: ExperimentRegistry,
        impressions: Impressions,
        clock: Clock,
        exploration: float,
        draw: Callable[[], float],
    ) -> None:
        self._service = service
        self._home = HomePage(service)
        self._registry = registry
        self._impressions = impressions
        self._clock = clock
        self._exploration = exploration
        self._draw = draw
        self.census = Census(clock.mono())

    def assignments(self, user: str, country: str | None, showing: Showing, *, consent: bool) -> list[Assignment]:
        """A viewer's arms; none without their consent."""
        return self._registry.assign(user, country, showing.surface) if consent else []

    async def list_for(self, user: str, audience: Audience, limit: int, showing: Showing, *, consent: bool) -> Treated:
        """A viewer's list."""
        assignments = self.assignments(user, audience.country, showing, consent=consent)
        changes = merge_changes(assignments)
        weights = self._weights(showing) if changes.weights is None else changes.weights
        share = self._exploration if changes.exploration is None else changes.exploration
        explores = consent and share > 0 and self._draw() < share
        size = limit + (DRAWN_FROM - 1 if explores else 0)
        answer = await self._service.recommend(user, audience, size, personal=consent, weights=weights)
        draw = None
        if explores:
            items, draw = self._explore(user, audience, answer.items, limit)
            answer = Answer(items, answer.source, answer.version)
        self._note(user, audience, answer, assignments, showing, draw, consent=consent)
        return Treated(answer, assignments)

    def _weights(self, showing: Showing) -> dict[str, float] | None:
        artefact = self._service.artefact
        if artefact is None or showing.surface not in NEXT_SURFACES:
            return None
        return {name: 2 * weight if name in NEXT_MODELS else weight for name, weight in artefact.model.weights.items()}

    def _explore(
        self, user: str, audience: Audience, items: Sequence[tuple[str, float]], limit: int
    ) -> tuple[Items, tuple[str, str, float, dict[str, str]] | None]:
        position, titles = self._service.table.position, self._service.table.titles
        ranked = [(position[content], score) for content, score in items]
        drawn = draw_place(ranked, limit, self._draw(), self._draw())
        if drawn is None:
            return list(items[:limit]), None
        among = [titles[at].content_id for at in drawn.among]
        choices = {SHOWN: among[0]} | self._service.policy_choices(user, audience, among)
        shown = [(titles[at].content_id, score) for at, score in drawn.items]
        return shown, (token_hex(8), titles[drawn.shown].content_id, 1 / len(among), choices)

    async def rows_for(
        self,
        user: str,
        audience: Audience,
        size: int,
        curated: Sequence[tuple[str, CuratedRow]],
        showing: Showing,
        *,
        consent: bool,
    ) -> tuple[list[Row], ListSource, Sequence[Assignment]]:
        """The rows of a viewer's home page."""
        assignments = self.assignments(user, audience.country, showing, consent=consent)
        rows, source = await self._home.rows(
            user, audience, size, curated, self._clock.wall(), personal=consent, changes=merge_changes(assignments)
        )
        titles = self._service.table.titles
        items = [(titles[at].content_id, score) for row in rows for at, score in row.items]
        answer = Answer(items, source, self._service.version)
        self._note(user, audience, answer, assignments, showing, None, consent=consent)
        return rows, source, assignments

    def _note(
        self, user: str, audience: Audience, answer: Answer, assignments: Sequence[Assignment], showing: Showing,
        draw: tuple[str, str, float, dict[str, str]] | None, *, consent: bool,
    ) -> None:  # fmt: skip
        table = self._service.table
        positions = [table.position[content] for content, _ in answer.items[:MAX_LOGGED]]
        self.census.count_list(audience.country, answer.source.value, positions, len(table), self._clock.mono())
        if not consent:
            return
        record = SeenRecord(
            SEEN,
            self._clock.wall(),
            showing.surface,
            showing.device,
            showing.hour,
            answer.source.value,
            answer.version,
            tuple(content for content, _ in answer.items[:MAX_LOGGED]),
            tuple((one.experiment_id, one.arm, one.propensity) for one in assignments),
            draw,
        )
        self._impressions.note(user, audience.country, record)
