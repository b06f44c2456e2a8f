"""The rules of sessions: slots, heartbeats, positions and ends, without a store."""

from dataclasses import replace

import pytest

from kernel.vocabulary import Tier
from services.playback.sessions.session import (
    EndReason,
    EndSession,
    MoveSession,
    Result,
    Session,
    SessionBatch,
    StartSession,
    is_finished,
)
from services.playback.viewer import ViewerPlan

NOW = 1_800_000_000.0
HD = ViewerPlan(Tier.HD, 2)


def session(name, device=None, account="acc", at=NOW, **more):
    given = {"profile_id": "p", "device_id": device or name, "device_name": device or name, "tier": Tier.HD}
    given |= {"plan_tier": Tier.HD, "started": at, "expires": at + 3600, "seen": at, "duration": 600.0}
    return Session(name, "film", account, **given | more)


def batch(*held):
    return SessionBatch({one.session_id: one for one in held}, silent_after=30.0)


def beat(name, position=10.0, now=NOW + 10, **more):
    return MoveSession(name, "acc", position, now, **{"plan": HD} | more)


def start(one, streams=2):
    return StartSession(one, streams)


def only(found, *changes):
    return found.apply(changes)[-1]


def test_a_start_takes_a_free_slot_and_none_beyond_the_plan():
    found = batch(session("a"))
    outcomes = found.apply([start(session("b")), start(session("c"))])
    assert [one.result for one in outcomes] == [Result.DONE, Result.NO_SLOT]
    assert {one.session_id for one in outcomes[1].in_use} == {"a", "b"}
    assert list(found.inserted) == ["b"]


def test_another_account_and_an_operator_have_slots_of_their_own():
    found = batch(session("a"), session("b"))
    outcomes = found.apply([start(session("c", account="else"), 1), start(session("d", account=""), None)])
    assert [one.result for one in outcomes] == [Result.DONE, Result.DONE]


def test_a_device_that_starts_again_replaces_its_own_session_and_no_other():
    found = batch(session("a", "tv"), session("b", "phone"))
    assert only(found, start(session("c", "tv"))).result is Result.DONE
    assert found.updated["a"].ended is EndReason.REPLACED
    assert "b" not in found.updated
    assert [one.session_id for one in found.revocations] == ["a"]


@pytest.mark.parametrize(("silence", "result"), [(30.0, Result.NO_SLOT), (30.1, Result.DONE)])
def test_three_missed_heartbeats_free_a_slot(silence, result):
    found = batch(session("a"), session("b", at=NOW + silence))
    assert only(found, start(session("c", at=NOW + silence))).result is result


def test_a_silent_session_goes_on_until_its_slot_is_needed():
    quiet, newer = session("a"), session("b", seen=NOW + 5)
    late = NOW + 100
    found = batch(quiet, newer)
    assert only(found, start(session("c", at=late))).result is Result.DONE
    assert found.updated["a"].ended is EndReason.LOST
    assert only(found, beat("a", now=late)).result is Result.ENDED
    assert only(found, beat("b", now=late)).result is Result.DONE
    assert only(found, start(session("d", at=late))).result is Result.NO_SLOT


def test_a_stop_frees_the_slot_and_may_come_twice():
    found = batch(session("a"))
    outcomes = found.apply([beat("a", 30.0, stop=True), beat("a", 30.0, stop=True), start(session("b"), 1)])
    assert [one.result for one in outcomes] == [Result.DONE] * 3
    assert [len(one.ended) for one in outcomes] == [1, 0, 0]
    assert not found.revocations
    assert found.positions["p", "film"].position == 30.0


ENDS = [
    (beat("a", plan=None), EndReason.ACCOUNT),
    (beat("a", plan=ViewerPlan(Tier.SD, 2)), EndReason.PLAN),
    (EndSession("a", "acc", EndReason.REVOKED, NOW + 1), EndReason.REVOKED),
    (EndSession("a", None, EndReason.REVOKED, NOW + 1), EndReason.REVOKED),
]


@pytest.mark.parametrize(("change", "reason"), ENDS)
def test_what_ends_a_session_is_sent_to_the_edges(change, reason):
    found = batch(session("a"))
    found.apply([change])
    assert found.updated["a"].ended is reason
    assert [one.session_id for one in found.revocations] == ["a"]
    after = only(found, beat("a"))
    assert (after.result, after.session.ended, after.ended) == (Result.ENDED, reason, ())


def test_a_better_plan_does_not_end_a_session_and_an_operator_is_not_judged_by_one():
    found = batch(session("a"), session("b", account=""))
    assert only(found, beat("a", plan=ViewerPlan(Tier.UHD, 2))).result is Result.DONE
    assert only(found, replace(beat("b"), owner=None, plan=None)).result is Result.DONE


@pytest.mark.parametrize(
    "change",
    [
        replace(beat("a"), owner="else"),
        EndSession("a", "else", EndReason.REVOKED, NOW),
        beat("nobody"),
        beat("a", now=NOW + 3600),
    ],
)
def test_what_is_not_ones_own_or_has_expired_is_unknown(change):
    found = batch(session("a"))
    assert only(found, change).result is Result.UNKNOWN
    assert not found.updated


# (position, at) of heartbeats in the order in which they come in, and the position after all of them.
LATE = [
    ([(10.0, None), (5.0, None)], 5.0),
    ([(20.0, NOW + 20), (10.0, NOW + 10)], 20.0),
    ([(20.0, 20.0), (10.0, 10.0)], 20.0),
    ([(20.0, NOW - 9_000), (10.0, NOW - 9_010)], 20.0),
    ([(10.0, NOW - 9_010), (20.0, NOW - 9_000)], 20.0),
]


@pytest.mark.parametrize(("beats", "expected"), LATE)
def test_a_late_heartbeat_does_not_move_a_session_back(beats, expected):
    found = batch(session("a"))
    found.apply([beat("a", position, now=NOW + 30, at=at) for position, at in beats])
    assert found.sessions["a"].position == expected
    assert found.positions["p", "film"].position == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (None, NOW + 60),
        (50.0, NOW + 50),
        (NOW + 50, NOW + 50),
        (NOW - 86_400, NOW),
        (NOW + 86_400, NOW + 360),
    ],
)
def test_positions_of_devices_are_compared_on_our_clock(at, expected):
    found = batch(session("a"))
    found.apply([beat("a", now=NOW + 60, at=at)])
    assert found.positions["p", "film"].at == expected


@pytest.mark.parametrize(
    ("position", "duration", "finished"),
    [
        (94.9, 100, False),
        (95, 100, True),
        (7_000, 7_200, True),
        (6_899, 7_200, False),
        (100, 0, False),
        (120, 100, True),
    ],
)
def test_a_film_is_finished_in_its_credits(position, duration, finished):
    assert is_finished(position, duration) is finished
