"""Settings in the desired state: what is desired says what each edge gets, and numbers only grow."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.desired.resources import Change, Desired
from control.rollout.layers import EdgeLabels
from control.rollout.rollout import STAGES, RolloutState, has_new_settings, hold, next_state, revert, with_cutoff
from control.rollout.settings_state import (
    RolloutConflict,
    SettingsState,
    read_settings,
    roll_back,
    start_rollout,
    store_step,
    supersede,
)
from kernel.documents import BadDocument
from kernel.fleet.messages import Version

EDGES = [EdgeLabels(f"e{number}") for number in range(20)]


class Fleet:
    """A desired state and what its edges hold, checked after every change."""

    def __init__(self) -> None:
        self.desired = Desired("e")
        self.held: dict[str, Version] = {}
        self.contents: dict[Version, dict[str, bytes]] = {}

    def does(self, change: Change) -> SettingsState:
        effective = self.desired.effective(change)
        if effective:
            self.desired = self.desired.with_change(effective, self.desired.revision + 1)
        found = read_settings(self.desired)
        for who in EDGES:
            document = found.document(who, "e")
            assert document.version.number >= self.held.get(who.id, document.version).number
            contents = self.contents.setdefault(document.version, {})
            assert contents.setdefault(who.id, document.content) == document.content
            self.held[who.id] = document.version
        return found

    def pushes(self, now: float = 0.0, **layers: object) -> SettingsState:
        return self.does(start_rollout(self.desired, layers, EDGES, now))


def test_nothing_pushed_is_nothing_said() -> None:
    assert read_settings(Desired("e")).document(EDGES[0], "e") == (Version("e", 0), b"")


def test_canaries_have_the_new_ones_and_the_rest_what_was_before() -> None:
    fleet = Fleet()
    held = fleet.pushes(all={"default_ttl": "1s"})
    assert held.rollout is not None
    having = [who for who in EDGES if has_new_settings(who.id, held.rollout)]
    assert len(having) == 1
    assert held.document(having[0], "e") == (Version("e", 1), b'{"default_ttl":"1s"}')
    others = [who for who in EDGES if who not in having]
    assert {held.document(who, "e") for who in others} == {(Version("e", 0), b"")}
    with pytest.raises(RolloutConflict):
        fleet.pushes(all={})
    gone = fleet.does(store_step(fleet.desired, revert(held.rollout, 5.0, "errors")))
    assert {gone.document(who, "e") for who in EDGES} == {(Version("e", 2), b"")}
    assert (gone.rollout.state, gone.rollout.why, gone.under_way) == (RolloutState.REVERTED, "errors", False)


def test_a_step_of_another_rollout_or_of_one_that_is_over_changes_nothing() -> None:
    fleet = Fleet()
    held = fleet.pushes(all={"default_ttl": "1s"})
    assert held.rollout is not None
    fleet.does(supersede(fleet.desired, 1.0, "superseded"))
    assert not store_step(fleet.desired, held.rollout)
    assert not supersede(fleet.desired, 1.0, "superseded")
    fleet.pushes(all={"default_ttl": "2s"})
    assert not store_step(fleet.desired, held.rollout)
    assert not start_rollout(Desired("e"), {"all": None}, EDGES, 0.0)


def test_what_was_set_aside_goes_with_the_change_that_set_it_aside() -> None:
    fleet = Fleet()
    fleet.pushes(all={"default_ttl": "1s"})
    fleet.does(supersede(fleet.desired, 1.0, "superseded"))
    held = fleet.pushes(**{"role/edge": {"drain": "3s"}})
    assert dict(held.layers) == {"all": {"default_ttl": "1s"}, "role/edge": {"drain": "3s"}}
    assert held.before == {}
    assert held.set_aside is None


def test_no_edge_that_is_concerned_makes_it_settled_at_once() -> None:
    fleet = Fleet()
    held = fleet.pushes(**{"pop/elsewhere": {"drain": "3s"}})
    assert held.rollout is not None
    assert held.rollout.state is RolloutState.DONE
    again = fleet.does(roll_back(fleet.desired, EDGES, 1.0))
    assert again.layers == {}
    with pytest.raises(BadDocument):
        fleet.pushes(all={"workers": 2})


_SOME: list[Callable[[Fleet, float], object]] = [
    lambda fleet, now: fleet.pushes(now, all={"default_ttl": int(now) % 3}),
    lambda fleet, now: fleet.pushes(now, **{"edge/e3": {"drain": int(now) % 2}}),
    lambda fleet, now: fleet.pushes(now, all=None),
    lambda fleet, now: fleet.does(supersede(fleet.desired, now, "another")),
    lambda fleet, now: fleet.does(roll_back(fleet.desired, EDGES, now)),
    lambda fleet, now: _moves(fleet, lambda rollout: revert(rollout, now, "harm")),
    lambda fleet, now: _moves(fleet, lambda rollout: hold(rollout, now, "held")),
    lambda fleet, now: _moves(fleet, lambda rollout: next_state(rollout, now + 1e6, "", applied=True)),
    lambda fleet, now: _moves(fleet, lambda rollout: next_state(rollout, now + 1e6, "", applied=True)),
]


def _moves(fleet: Fleet, to) -> None:
    rollout = read_settings(fleet.desired).rollout
    if rollout is not None:
        following = to(rollout)
        if following.state is RolloutState.ROLLING and following.stage < len(STAGES):
            following = with_cutoff(following, [who.id for who in EDGES])
        fleet.does(store_step(fleet.desired, following))


@given(st.lists(st.sampled_from(range(len(_SOME))), max_size=25))
def test_whatever_happens_versions_only_grow_and_a_version_is_always_the_same(steps: list[int]) -> None:
    fleet = Fleet()
    for now, number in enumerate(steps):
        try:
            _SOME[number](fleet, float(now))
        except RolloutConflict:
            continue
