"""What an edge is sent next, from what it holds to what is desired."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.desired.diff import Track, is_ahead, memoise_updates, next_update, with_answer, with_sent
from control.desired.resources import Change, Desired
from edge.fleet.apply import FleetState, apply
from kernel.fleet.messages import KEYS, NOTHING, RULES, TYPES, Ack, Known, Nack, Resource, Update, Version


def titles(count: int) -> Desired:
    desired = Desired("e")
    for number in range(1, count + 1):
        desired = desired.with_change(Change({(RULES, f"title/t{number}"): b"{}"}), number)
    return desired


def track(number: int = 0, epoch: str = "e") -> Track:
    return Track.from_hello(Known(RULES, Version(epoch, number) if number else NOTHING))


def test_an_edge_that_knows_nothing_gets_a_snapshot() -> None:
    update = next_update(titles(2), track(), "n")
    assert update == Update(
        RULES, Version("e", 2), "n", True, 0, (Resource("title/t1", 1, b"{}"), Resource("title/t2", 2, b"{}"))
    )


def test_an_edge_a_little_behind_gets_a_delta() -> None:
    desired = titles(5).with_change(Change(removes=frozenset({(RULES, "title/t1")})), 6)
    update = next_update(desired, track(4), "n")
    assert update is not None
    assert (update.snapshot, update.base) == (False, 4)
    assert [r.name for r in update.resources] == ["title/t5"]
    assert update.removed == ("title/t1",)


@pytest.mark.parametrize("behind", [track(1), track(4, "another"), track(9)])
def test_an_edge_far_behind_or_of_another_epoch_gets_a_snapshot(behind: Track) -> None:
    desired = titles(8) if behind.held.number == 9 else titles(60)
    update = next_update(desired, behind, "n")
    assert update is not None
    assert update.snapshot


def test_nothing_is_sent_while_something_is_on_its_way() -> None:
    update = next_update(titles(2), track(), "n")
    assert update is not None
    waiting = with_sent(track(), update)
    assert next_update(titles(3), waiting, "m") is None
    after = with_answer(waiting, Ack(RULES, update.version, "n"))
    following = next_update(titles(3), after, "m")
    assert following is not None
    assert following.base == 2


def test_an_edge_that_holds_all_is_told_so_once() -> None:
    update = next_update(titles(2), track(2), "n")
    assert update == Update(RULES, Version("e", 2), "n", False, 2)
    after = with_answer(with_sent(track(2), update), Ack(RULES, update.version, "n"))
    assert next_update(titles(2), after, "m") is None


def test_a_refused_version_is_not_sent_again_and_the_next_is() -> None:
    update = next_update(titles(3), track(2), "n")
    assert update is not None
    refused = with_answer(with_sent(track(2), update), Nack(RULES, update.version, "n", "bad"))
    assert refused.error == "bad"
    assert next_update(titles(3), refused, "m") is None
    reconnected = Track.from_hello(Known(RULES, Version("e", 2), Version("e", 3)))
    greeting = next_update(titles(3), reconnected, "m")
    assert greeting == Update(RULES, Version("e", 2), "m", False, 2)
    following = next_update(titles(4), refused, "m")
    assert following is not None
    assert following.base == 2


def test_a_delta_that_does_not_fit_is_followed_by_a_snapshot_and_a_snapshot_by_nothing() -> None:
    update = next_update(titles(3), track(2), "n")
    assert update is not None
    again = with_answer(with_sent(track(2), update), Nack(RULES, update.version, "n", "gap", resync=True))
    snapshot = next_update(titles(3), again, "m")
    assert snapshot is not None
    assert snapshot.snapshot
    stubborn = with_answer(with_sent(again, snapshot), Nack(RULES, snapshot.version, "m", "gap", resync=True))
    assert next_update(titles(3), stubborn, "o") is None


def test_an_answer_to_nothing_changes_nothing() -> None:
    assert with_answer(track(2), Ack(RULES, Version("e", 9), "n")) == track(2)
    update = next_update(titles(3), track(2), "n")
    assert update is not None
    waiting = with_sent(track(2), update)
    assert with_answer(waiting, Ack(RULES, Version("e", 3), "other")) is waiting


def test_an_edge_ahead_of_control_is_noticed() -> None:
    assert is_ahead(titles(2), RULES, Version("e", 3))
    assert is_ahead(titles(2), KEYS, Version("e", 1))
    assert not is_ahead(titles(2), RULES, Version("e", 2))
    assert not is_ahead(titles(2), RULES, Version("other", 3))


def test_the_same_update_is_made_once_for_many_edges() -> None:
    made = []

    def make(desired: Desired, one: Track, nonce: str) -> Update | None:
        made.append(one)
        return next_update(desired, one, nonce)

    remembered = memoise_updates(make, most=2)
    desired = titles(2)
    first, second = remembered(desired, track(1), "a"), remembered(desired, track(1), "b")
    assert second == replace(first, nonce="b")
    assert len(made) == 1
    assert remembered(desired, with_sent(track(1), first), "c") is None
    assert remembered(desired, replace(track(1), refused=Version("e", 2)), "d") is not None
    assert len(made) == 2
    assert remembered(titles(3), track(1), "e").version.number == 3
    for number in range(4):
        remembered(desired, track(number), "f")
    assert remembered(desired, track(1), "g") == replace(first, nonce="g")


NAMES = [(RULES, "title/a"), (RULES, "title/b"), (RULES, "session/s"), (RULES, "default")]
STEPS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.booleans(), st.booleans(), st.booleans(), st.booleans()), max_size=20
)


@given(STEPS)
def test_whatever_is_lost_the_edge_ends_with_what_is_desired(steps) -> None:
    """Changes, lost updates, lost answers, reconnects: in any order, the end is the same."""
    desired, state, tracks = Desired("e"), FleetState(), {kind: Track(kind) for kind in TYPES}

    def exchange(lose_update: bool, lose_answer: bool) -> None:
        nonlocal state
        for kind in TYPES:
            update = next_update(desired, tracks[kind], "n")
            if update is None:
                continue
            tracks[kind] = with_sent(tracks[kind], update)
            if lose_update:
                continue
            state, effects = apply(state, update)
            if not lose_answer:
                tracks[kind] = with_answer(tracks[kind], effects[0])

    def reconnect() -> None:
        for kind in TYPES:
            tracks[kind] = Track.from_hello(Known(kind, state.version(kind)))

    for (kind, name), remove, lose_update, lose_answer, lose_connection in steps:
        content = b'{"default":"allow"}' if name == "default" else b"{}"
        change = Change(removes=frozenset({(kind, name)})) if remove else Change({(kind, name): content})
        if effective := desired.effective(change):
            desired = desired.with_change(effective, desired.revision + 1)
        exchange(lose_update, lose_answer)
        if lose_connection:
            reconnect()
    reconnect()
    exchange(lose_update=False, lose_answer=False)
    fresh = next_update(desired, Track(RULES), "n")
    assert fresh is not None
    assert state.rules == apply(FleetState(), fresh)[0].rules
    assert state.version(RULES) == desired.version(RULES)
