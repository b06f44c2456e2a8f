"""Rollouts of settings at work: started by an operator, judged and advanced by one replica of control.

The decisions are in `control.rollout.rollout` (stages, harm), `control.rollout.settings_state` (the desired state) and
`control.rollout.layers` (each edge's settings). This module collects reports, calls them, and commits each step as a
revision with author and reason. So every replica sends the step to its own edges, and another replica takes over when
the leader dies.

Over 300 lines because the stage that is judged and the commands that move it are one state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Protocol

import structlog

from control.audit.entry import Action, Author, Call
from control.desired.documents import Document
from control.desired.resources import ROLLOUT, Change, Desired
from control.fleet.fanout import Edge, Fanout
from control.rollout import settings_state as wanted
from control.rollout.layers import EdgeLabels, apply_edits, merged_settings
from control.rollout.metrics_window import MetricsWindow
from control.rollout.rollout import (
    STAGES,
    Rollout,
    RolloutState,
    has_new_settings,
    hold,
    judge_harm,
    next_state,
    resume,
    revert,
    with_cutoff,
)
from control.rollout.settings_state import RolloutConflict, SettingsState, read_settings
from kernel.clock import Clock
from kernel.errors import Overloaded, StorageFailed
from kernel.fleet.messages import SETTINGS, Ack, Applied, Hello, Nack, Version

ADVANCE_EVERY = 1.0
SILENT_AFTER = 10.0
"""Seconds without a message, or without an answer to new settings, after which an edge counts as harmed."""
WINDOW = 30.0
"""Seconds of metrics that are compared: of edges with the new settings, of other edges, and of before the rollout."""
MAX_TRIES = 8
_CONTROL = "control"
_STEPS = {
    RolloutState.ROLLING: Action.SETTINGS_PROMOTE,
    RolloutState.HELD: Action.SETTINGS_HOLD,
    RolloutState.DONE: Action.SETTINGS_DONE,
    RolloutState.REVERTED: Action.SETTINGS_REVERT,
}
"""The audit action of a step to each state."""

log = structlog.get_logger("control")


class ChangeStore(Protocol):
    """Where changes are committed: `control.db.store.Store`."""

    @property
    def desired(self) -> Desired:
        """The state now."""

    async def commit(self, make: Callable[[Desired], Change], author: Author, /) -> object:
        """Commit the change that `make` returns; done once it is durable."""


async def _always() -> bool:
    return True


def labels_of(hello: Hello) -> EdgeLabels:
    """An edge's labels as its hello names them."""
    return EdgeLabels(hello.id, hello.role, hello.region, hello.pop)


class RolloutService:
    """The fan-out's source of settings. `leads` says whether this replica advances rollouts now."""

    def __init__(
        self,
        store: ChangeStore,
        fanout: Fanout,
        clock: Clock,
        leads: Callable[[], Awaitable[bool]] = _always,
        who: Callable[[Hello], EdgeLabels] = labels_of,
    ) -> None:
        self._store = store
        self._fanout = fanout
        self._clock = clock
        self._leads = leads
        self._labels_of = who
        self._wake = asyncio.Event()
        self._metrics = MetricsWindow()
        self._held = SettingsState()
        self._read_from: tuple[object, ...] = ()
        self._documents: dict[str, tuple[Hello, Document]] = {}
        self._stage: tuple[int, int] = (0, 0)
        self._since = 0.0
        self._members: frozenset[str] = frozenset()
        fanout.sources[SETTINGS] = self.document
        fanout.on_answer.append(self._on_answer)

    # -- each edge's settings -----------------------------------------------------------------------------------

    def current(self) -> SettingsState:
        """The settings desired now."""
        desired = self._store.desired
        of = (desired.epoch, desired.resource_set(SETTINGS), desired.resource_set(ROLLOUT))
        if len(self._read_from) != len(of) or any(old is not new for old, new in zip(self._read_from, of, strict=True)):
            self._read_from, self._held = of, read_settings(desired)
            self._documents.clear()
        return self._held

    def document(self, hello: Hello) -> Document:
        """The settings that an edge must have now."""
        held = self.current()
        found = self._documents.get(hello.id)
        if found is None or found[0] is not hello:
            made = held.document(self._labels_of(hello), self._store.desired.epoch)
            found = self._documents[hello.id] = hello, made
        return found[1]

    def on_fleet_change(self) -> None:
        """Recompute each edge's settings after nodes or groups changed."""
        self._documents.clear()
        self._fanout.wake()

    def preview(self, hello: Hello, edits: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
        """(before, after) these edits: an edge's settings, with any running rollout completed. Raises BadDocument."""
        held, who = self.current(), self._labels_of(hello)
        return merged_settings(held.layers, who), merged_settings(
            apply_edits(held.set_aside or held.layers, edits), who
        )

    # -- operators' commands ------------------------------------------------------------------------------------

    async def push(
        self, edits: Mapping[str, object], *, author: str, reason: str = "", call: Call | None = None
    ) -> SettingsState:
        """Roll out the layers after these edits (None removes a layer).

        A running rollout is superseded: its edges return to the settings before it, and this rollout includes its
        change, starting with canaries. Raises BadDocument, RolloutConflict, Overloaded, StorageFailed.
        """
        held = self.current()
        if apply_edits(held.layers, edits) == held.layers and held.set_aside is None:
            return held  # check before superseding: a bad or empty change must not revert a running rollout
        why = f"superseded by a change of {author}"
        for _ in range(MAX_TRIES):
            try:
                by = self._author(author, reason, Action.SETTINGS_PUSH, call)
                await self._commit(
                    lambda desired: wanted.start_rollout(desired, edits, self._connected(), self._wall()), by
                )
            except RolloutConflict:
                by = self._author(_CONTROL, why, Action.SETTINGS_SUPERSEDE)
                await self._commit(lambda desired: wanted.supersede(desired, self._wall(), why), by)
            else:
                return self.current()
        raise RolloutConflict("other operators keep pushing settings; try again")

    async def roll_back(self, *, author: str, reason: str = "", call: Call | None = None) -> SettingsState:
        """Revert the running rollout; without one, roll out the settings before the last rollout."""
        why = reason or f"rolled back by {author}"
        by = self._author(author, why, Action.SETTINGS_BACK, call)
        if self.current().under_way:
            await self._move(lambda rollout: revert(rollout, self._wall(), why), by)
        else:
            await self._commit(lambda desired: wanted.roll_back(desired, self._connected(), self._wall()), by)
        return self.current()

    async def hold(self, *, author: str, reason: str = "", call: Call | None = None) -> SettingsState:
        """Hold the rollout at its stage until `resume`; harm still reverts it."""
        why = reason or f"held by {author}"
        await self._move(
            lambda rollout: hold(rollout, self._wall(), why), self._author(author, why, Action.SETTINGS_HOLD, call)
        )
        return self.current()

    async def resume(self, *, author: str, reason: str = "", call: Call | None = None) -> SettingsState:
        """Resume a held rollout; its stage is judged from the start."""
        by = self._author(author, reason, Action.SETTINGS_GO_ON, call)
        await self._move(lambda rollout: resume(rollout, self._wall()), by)
        return self.current()

    async def _move(self, to: Callable[[Rollout], Rollout], by: Author) -> None:
        def make(desired: Desired) -> Change:
            held = read_settings(desired)
            if held.rollout is None or not held.under_way:
                raise RolloutConflict("no rollout is under way")
            following = to(held.rollout)
            return Change() if following == held.rollout else wanted.store_step(desired, following)

        await self._commit(make, by)

    async def _commit(self, make: Callable[[Desired], Change], by: Author) -> None:
        await self._store.commit(make, by)
        self._wake.set()

    def _author(self, name: str, reason: str, action: Action, call: Call | None = None) -> Author:
        return Author(name, self._wall(), reason, call, action)

    def _wall(self) -> float:
        return self._clock.wall()

    def _connected(self) -> list[EdgeLabels]:
        return [self._labels_of(edge.hello) for edge in self._fanout.edges.values() if edge.connected]

    # -- judging and advancing ---------------------------------------------------------------------------------

    def _on_answer(self, _edge: Edge, answer: Ack | Nack | Applied) -> None:
        if isinstance(answer, Nack) and answer.type == SETTINGS:
            self._wake.set()

    async def run(self) -> None:
        """Call `advance` every second, for ever."""
        while True:
            timer = self._clock.call_later(ADVANCE_EVERY, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()
            self._wake.clear()
            try:
                await self.advance()
            except (Overloaded, StorageFailed) as error:
                log.warning("rollout-step-failed", error=str(error))

    async def advance(self) -> None:
        """Collect reports; judge the rollout and commit its next step when this replica leads."""
        self._record_reports()
        held = self.current()
        if held.rollout is None or not held.under_way or not await self._leads():
            return
        self._enter_stage(held, held.rollout)
        rollout, why = held.rollout, self._judge(held.rollout)
        following = next_state(rollout, self._wall(), why, applied=self._is_applied(rollout))
        if following == rollout:
            return
        if following.state is RolloutState.ROLLING:
            following = with_cutoff(following, [who.id for who in self._connected() if held.concerns(who)])
        reason = why or following.why or STAGES[following.stage].name
        log.info("rollout-step", number=rollout.number, state=following.state.value, why=reason)
        by = self._author(_CONTROL, reason, _STEPS[following.state])
        await self._commit(lambda desired: _if_still(desired, rollout, following), by)

    def _record_reports(self) -> None:
        now, edges, here = self._clock.mono(), self._fanout.edges, self._fanout.connected_here
        for name, edge in edges.items():
            if edge.report is not None:
                self._metrics.record(name, edge.report, edge.reported_at if name in here else edge.last_seen, now)
        self._metrics.forget_others(edges)

    def _enter_stage(self, held: SettingsState, rollout: Rollout) -> None:
        """Choose the edges to judge: those this replica has seen since the stage started."""
        if self._stage == (rollout.number, rollout.stage):
            return
        self._stage = (rollout.number, rollout.stage)
        self._since = self._mono_of(rollout.since)
        there = [e.hello for e in self._fanout.edges.values() if e.connected or e.last_seen >= rollout.since]
        self._members = frozenset(
            who.id for who in map(self._labels_of, there) if has_new_settings(who.id, rollout) and held.concerns(who)
        )

    def _mono_of(self, wall: float) -> float:
        return self._clock.mono() - max(0.0, self._wall() - wall)

    def _judge(self, rollout: Rollout) -> str:
        """Compare the edges with the new settings to themselves before and to the others; the harm found, or ""."""
        edges, now = self._fanout.edges, self._clock.mono()
        version = Version(self._store.desired.epoch, rollout.number)
        refused = [name for name, edge in edges.items() if edge.refused.get(SETTINGS) == version]
        having = {name for name in self._members if name in edges}
        others = {name for name, edge in edges.items() if edge.connected and not has_new_settings(name, rollout)}
        began = self._mono_of(rollout.began)
        silent = tuple(sorted(name for name in having if self._is_silent(edges[name], rollout, now)))
        return judge_harm(
            replace(self._metrics.sum_window(having, max(self._since, now - WINDOW), now), silent=silent),
            self._metrics.sum_window(having, began - WINDOW, began),
            self._metrics.sum_window(others, max(began, now - WINDOW), now),
            refused,
        )

    def _is_silent(self, edge: Edge, rollout: Rollout, now: float) -> bool:
        """Whether an edge has not reported, or not answered the new settings, for too long."""
        if now - self._since <= SILENT_AFTER:
            return False
        unanswered = edge.acked.get(SETTINGS, 0) < rollout.number
        mute = now - edge.reported_at > SILENT_AFTER if edge.report is not None else not edge.connected
        return unanswered or mute

    def _is_applied(self, rollout: Rollout) -> bool:
        edges = self._fanout.edges
        return all(edges[name].applied.get(SETTINGS, 0) >= rollout.number for name in self._members if name in edges)


def _if_still(desired: Desired, rollout: Rollout, following: Rollout) -> Change:
    """The change to the next step; none if another replica advanced the rollout first."""
    return wanted.store_step(desired, following) if read_settings(desired).rollout == rollout else Change()
