"""Rollouts of settings at work: started by an operator, judged and advanced by one replica of control.

The decisions are in `control.rollout.rollout` (stages, harm), `control.rollout.settings_state` (the desired state) and
`control.rollout.layers` (what an edge gets). This module collects reports, asks them, and commits: each step is a
revision with author and reason, so every replica sends it to its own edges, and another takes over when the leader
dies.
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
from control.rollout.layers import EdgeLabels, edited, merged
from control.rollout.metrics_window import MetricsWindow
from control.rollout.rollout import STAGES, Rollout, State, go_on, harm, has_it, hold, reaching, revert, step
from control.rollout.settings_state import RolloutConflict, SettingsState, pushed
from kernel.clock import Clock
from kernel.errors import Overloaded, StorageFailed
from kernel.fleet.messages import SETTINGS, Ack, Applied, Hello, Nack, Version

EVERY = 1.0
SILENT_AFTER = 10.0
"""Seconds without a message, or without an answer to new settings, after which an edge counts as harmed."""
WINDOW = 30.0
"""Seconds compared: of edges with the new settings, of the others, and of the former before the rollout."""
TRIES = 8
_CONTROL = "control"
_STEPS = {
    State.ROLLING: Action.SETTINGS_PROMOTE,
    State.HELD: Action.SETTINGS_HOLD,
    State.DONE: Action.SETTINGS_DONE,
    State.REVERTED: Action.SETTINGS_REVERT,
}
"""The audit action of a step to each state."""

log = structlog.get_logger("control")


class Commits(Protocol):
    """Where changes are kept: `control.db.store.Store`."""

    @property
    def desired(self) -> Desired:
        """The state now."""

    async def commit(self, make: Callable[[Desired], Change], author: Author, /) -> object:
        """Make a change of what is desired then; answered when it is durable."""


async def _always() -> bool:
    return True


def who_of(hello: Hello) -> EdgeLabels:
    """An edge's labels as its hello names them."""
    return EdgeLabels(hello.id, hello.role, hello.region, hello.pop)


class SettingsPush:
    """The fan-out's source of settings. `leads` says whether this replica advances rollouts now."""

    def __init__(
        self,
        store: Commits,
        fanout: Fanout,
        clock: Clock,
        leads: Callable[[], Awaitable[bool]] = _always,
        who: Callable[[Hello], EdgeLabels] = who_of,
    ) -> None:
        self._store = store
        self._fanout = fanout
        self._clock = clock
        self._leads = leads
        self._who = who
        self._wake = asyncio.Event()
        self._watch = MetricsWindow()
        self._held = SettingsState()
        self._of: tuple[object, ...] = ()
        self._documents: dict[str, tuple[Hello, Document]] = {}
        self._stage: tuple[int, int] = (0, 0)
        self._since = 0.0
        self._members: frozenset[str] = frozenset()
        fanout.sources[SETTINGS] = self.document
        fanout.on_answer.append(self._answered)

    # -- what edges get ----------------------------------------------------------------------------------------

    def now_pushed(self) -> SettingsState:
        """The settings as desired now."""
        desired = self._store.desired
        of = (desired.epoch, desired.resource_set(SETTINGS), desired.resource_set(ROLLOUT))
        if len(self._of) != len(of) or any(old is not new for old, new in zip(self._of, of, strict=True)):
            self._of, self._held = of, pushed(desired)
            self._documents.clear()
        return self._held

    def document(self, hello: Hello) -> Document:
        """What an edge is to have now."""
        held = self.now_pushed()
        found = self._documents.get(hello.id)
        if found is None or found[0] is not hello:
            made = held.document(self._who(hello), self._store.desired.epoch)
            found = self._documents[hello.id] = hello, made
        return found[1]

    def roster_changed(self) -> None:
        """Recompute what edges get: nodes or groups have changed."""
        self._documents.clear()
        self._fanout.wake()

    def would_get(self, hello: Hello, edits: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
        """(now, then): an edge's settings after the current rollout, and after these edits. Raises BadDocument."""
        held, who = self.now_pushed(), self._who(hello)
        return merged(held.layers, who), merged(edited(held.set_aside or held.layers, edits), who)

    # -- verbs -------------------------------------------------------------------------------------------------

    async def push(
        self, edits: Mapping[str, object], *, author: str, reason: str = "", call: Call | None = None
    ) -> SettingsState:
        """Roll out the layers after these edits (None: taken away).

        What is under way is superseded: its edges go back to what was settled, and its change goes on within this one,
        from the canaries on. Raises BadDocument, RolloutConflict, Overloaded, StorageFailed.
        """
        held = self.now_pushed()
        if edited(held.layers, edits) == held.layers and held.set_aside is None:
            return held  # check before superseding: a bad or empty change must not revert a running rollout
        why = f"superseded by a change of {author}"
        for _ in range(TRIES):
            try:
                by = self._by(author, reason, Action.SETTINGS_PUSH, call)
                await self._commit(lambda desired: wanted.push(desired, edits, self._connected(), self._wall()), by)
            except RolloutConflict:
                by = self._by(_CONTROL, why, Action.SETTINGS_SUPERSEDE)
                await self._commit(lambda desired: wanted.superseded(desired, self._wall(), why), by)
            else:
                return self.now_pushed()
        raise RolloutConflict("others push settings all the time; try again")

    async def back(self, *, author: str, reason: str = "", call: Call | None = None) -> SettingsState:
        """Take back what is under way; or roll out what was before the settings that are rolled out."""
        why = reason or f"taken back by {author}"
        by = self._by(author, why, Action.SETTINGS_BACK, call)
        if self.now_pushed().under_way:
            await self._move(lambda rollout: revert(rollout, self._wall(), why), by)
        else:
            await self._commit(lambda desired: wanted.back(desired, self._connected(), self._wall()), by)
        return self.now_pushed()

    async def hold(self, *, author: str, reason: str = "", call: Call | None = None) -> SettingsState:
        """Stay at this stage until `go_on`. Harm takes it back all the same."""
        why = reason or f"held by {author}"
        await self._move(
            lambda rollout: hold(rollout, self._wall(), why), self._by(author, why, Action.SETTINGS_HOLD, call)
        )
        return self.now_pushed()

    async def go_on(self, *, author: str, reason: str = "", call: Call | None = None) -> SettingsState:
        """Resume a held rollout; its stage is judged from the start."""
        by = self._by(author, reason, Action.SETTINGS_GO_ON, call)
        await self._move(lambda rollout: go_on(rollout, self._wall()), by)
        return self.now_pushed()

    async def _move(self, to: Callable[[Rollout], Rollout], by: Author) -> None:
        def make(desired: Desired) -> Change:
            held = pushed(desired)
            if held.rollout is None or not held.under_way:
                raise RolloutConflict("no settings are on their way")
            following = to(held.rollout)
            return Change() if following == held.rollout else wanted.moved(desired, following)

        await self._commit(make, by)

    async def _commit(self, make: Callable[[Desired], Change], by: Author) -> None:
        await self._store.commit(make, by)
        self._wake.set()

    def _by(self, name: str, reason: str, action: Action, call: Call | None = None) -> Author:
        return Author(name, self._wall(), reason, call, action)

    def _wall(self) -> float:
        return self._clock.wall()

    def _connected(self) -> list[EdgeLabels]:
        return [self._who(edge.hello) for edge in self._fanout.edges.values() if edge.connected]

    # -- carrying on -------------------------------------------------------------------------------------------

    def _answered(self, _edge: Edge, answer: Ack | Nack | Applied) -> None:
        if isinstance(answer, Nack) and answer.type == SETTINGS:
            self._wake.set()

    async def run(self) -> None:
        """Call `tick` every second, for ever."""
        while True:
            timer = self._clock.call_later(EVERY, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()
            self._wake.clear()
            try:
                await self.tick()
            except (Overloaded, StorageFailed) as error:
                log.warning("rollout-step-failed", error=str(error))

    async def tick(self) -> None:
        """Collect reports; judge the rollout and commit its next step when this replica leads."""
        self._take_reports()
        held = self.now_pushed()
        if held.rollout is None or not held.under_way or not await self._leads():
            return
        self._enter_stage(held, held.rollout)
        rollout, why = held.rollout, self._harm(held.rollout)
        following = step(rollout, self._wall(), why, applied=self._is_applied(rollout))
        if following == rollout:
            return
        if following.state is State.ROLLING:
            following = reaching(following, [who.id for who in self._connected() if held.concerns(who)])
        told = why or following.why or STAGES[following.stage].name
        log.info("rollout-step", number=rollout.number, state=following.state.value, why=told)
        by = self._by(_CONTROL, told, _STEPS[following.state])
        await self._commit(lambda desired: _if_still(desired, rollout, following), by)

    def _take_reports(self) -> None:
        now, edges, here = self._clock.mono(), self._fanout.edges, self._fanout.connected_here
        for name, edge in edges.items():
            if edge.report is not None:
                self._watch.note(name, edge.report, edge.reported_at if name in here else edge.last_seen, now)
        self._watch.forget_others(edges)

    def _enter_stage(self, held: SettingsState, rollout: Rollout) -> None:
        """Choose the edges to judge: those seen since the stage began, as far as this replica knows."""
        if self._stage == (rollout.number, rollout.stage):
            return
        self._stage = (rollout.number, rollout.stage)
        self._since = self._mono_of(rollout.since)
        there = [e.hello for e in self._fanout.edges.values() if e.connected or e.last_seen >= rollout.since]
        self._members = frozenset(
            who.id for who in map(self._who, there) if has_it(who.id, rollout) and held.concerns(who)
        )

    def _mono_of(self, wall: float) -> float:
        return self._clock.mono() - max(0.0, self._wall() - wall)

    def _harm(self, rollout: Rollout) -> str:
        """The harm that the new settings do, in words; "" while there is none."""
        edges, now = self._fanout.edges, self._clock.mono()
        version = Version(self._store.desired.epoch, rollout.number)
        refused = [name for name, edge in edges.items() if edge.refused.get(SETTINGS) == version]
        having = {name for name in self._members if name in edges}
        others = {name for name, edge in edges.items() if edge.connected and not has_it(name, rollout)}
        began = self._mono_of(rollout.began)
        silent = tuple(sorted(name for name in having if self._is_silent(edges[name], rollout, now)))
        return harm(
            replace(self._watch.observed(having, max(self._since, now - WINDOW), now), silent=silent),
            self._watch.observed(having, began - WINDOW, began),
            self._watch.observed(others, max(began, now - WINDOW), now),
            refused,
        )

    def _is_silent(self, edge: Edge, rollout: Rollout, now: float) -> bool:
        """Whether an edge has said nothing, or not answered the new settings, for too long."""
        if now - self._since <= SILENT_AFTER:
            return False
        unanswered = edge.acked.get(SETTINGS, 0) < rollout.number
        mute = now - edge.reported_at > SILENT_AFTER if edge.report is not None else not edge.connected
        return unanswered or mute

    def _is_applied(self, rollout: Rollout) -> bool:
        edges = self._fanout.edges
        return all(edges[name].applied.get(SETTINGS, 0) >= rollout.number for name in self._members if name in edges)


def _if_still(desired: Desired, rollout: Rollout, following: Rollout) -> Change:
    """The step; nothing when another replica has moved the rollout first."""
    return wanted.moved(desired, following) if pushed(desired).rollout == rollout else Change()
