"""Sessions, slots and positions on each kind of store."""

import asyncio
from dataclasses import replace

import pytest

from services.playback.sessions.session import EndReason, EndSession, NoteConsent, Result, Revocation
from tests.services.playback.sessions.test_session import NOW, beat, session, start


async def position_of(store, profile_id, content_id):
    """Where a profile is in a title; None if it has not begun it."""
    return next((one for one in await store.positions(profile_id, 1_000) if one.content_id == content_id), None)


async def test_a_session_is_stored_as_it_was_given(store):
    made = session("s", consent=False)
    (outcome,) = await store.apply([start(made)])
    assert outcome.session == made
    assert await store.get("s") == made
    assert await store.get("nobody") is None
    assert await store.sessions_of("acc") == [made]
    assert await store.sessions_of("else") == []


async def test_heartbeats_move_the_session_and_the_profile(store):
    await store.apply([start(session("s"))])
    await store.apply([beat("s", 10.0), beat("s", 12.5, now=NOW + 20)])
    found = await store.get("s")
    assert (found.position, found.seen) == (12.5, NOW + 20)
    position = await position_of(store, "p", "film")
    assert (position.position, position.duration, position.at) == (12.5, 600.0, NOW + 20)
    assert await position_of(store, "p", "other") is None


async def test_of_two_devices_the_newer_position_stays(store):
    await store.apply([start(session("tv")), start(session("phone"))])
    await store.apply([beat("phone", 300.0, now=NOW + 60)])
    await store.apply([beat("tv", 100.0, now=NOW + 70, at=NOW + 50)])
    assert (await position_of(store, "p", "film")).position == 300.0
    await store.apply([beat("tv", 310.0, now=NOW + 80)])
    assert (await position_of(store, "p", "film")).position == 310.0


async def test_a_start_learns_where_its_profile_left_off(store):
    await store.apply([start(session("tv")), beat("tv", 30.0)])
    others = replace(session("q"), profile_id="q"), replace(session("x"), content_id="other")
    outcomes = await store.apply([start(one, None) for one in (session("phone"), *others)])
    assert [one.left_off and one.left_off.position for one in outcomes] == [30.0, None, None]
    _, later = await store.apply([beat("tv", 40.0, now=NOW + 20), start(session("tv2"), None)])
    assert later.left_off.position == 40.0


async def test_positions_come_newest_first(store):
    for number in range(3):
        one = replace(session(f"s{number}", "tv"), content_id=f"t{number}")
        await store.apply([start(one), beat(one.session_id, 10.0 + number, now=NOW + number)])
    assert [one.content_id for one in await store.positions("p", 2)] == ["t2", "t1"]


async def test_positions_go_when_they_are_older_than_they_may_be(store):
    for number in range(3):
        one = replace(session(f"s{number}", "tv"), content_id=f"t{number}", profile_id=f"p{number % 2}")
        await store.apply([start(one), beat(one.session_id, 10.0, now=NOW + number)])
    assert await store.delete_positions(NOW + 1) == 1
    assert [one.content_id for one in await store.positions("p0", 9)] == ["t2"]
    assert await position_of(store, "p1", "t1")
    assert await store.delete_positions(NOW + 1) == 0


async def test_a_refused_start_leaves_nothing_behind(store):
    await store.apply([start(session("a"), 1)])
    (outcome,) = await store.apply([start(session("b"), 1)])
    assert outcome.result is Result.NO_SLOT
    assert [one.device_name for one in outcome.in_use] == ["a"]
    assert await store.get("b") is None


async def test_revocations_wait_until_they_are_confirmed(store):
    await store.apply([start(session("a")), start(session("b"))])
    await store.apply([EndSession(one, None, EndReason.REVOKED, NOW) for one in ("a", "b")])
    assert (await store.get("a")).ended is EndReason.REVOKED
    assert await store.pending_revocations(10) == [Revocation("a", NOW + 3600), Revocation("b", NOW + 3600)]
    await store.confirm_revocations(["a"])
    assert await store.pending_revocations(10) == [Revocation("b", NOW + 3600)]
    await store.delete_expired(NOW + 4000)
    assert await store.pending_revocations(10) == []


async def test_erasure_leaves_nothing_of_a_person(store):
    await store.apply([start(session("a")), start(session("x", account="else", profile_id="q"))])
    await store.apply([beat("a"), replace(beat("x"), owner="else")])
    await store.erase("acc", ["p"])
    assert await store.get("a") is None
    assert await position_of(store, "p", "film") is None
    assert await store.positions("p", 10) == []
    assert (await position_of(store, "q", "film")).position == 10.0
    await store.erase("", ["q"])
    assert await store.get("x") is None
    # A heartbeat on its way finds no session, so it brings nothing back.
    (outcome,) = await store.apply([replace(beat("x"), owner="else")])
    assert outcome.result is Result.UNKNOWN
    assert await position_of(store, "q", "film") is None


@pytest.mark.parametrize("streams", [1, 3])
async def test_of_200_starts_at_once_as_many_win_as_there_are_slots(make_store, streams):
    stores = [make_store() for _ in range(2)]
    for store in stores:
        await store.open()

    async def start_some(store, numbers):
        outcomes = await store.apply([start(session(f"s{n}"), streams) for n in numbers])
        return [one.result for one in outcomes]

    batches = [(stores[n % 2], range(n * 10, n * 10 + 10)) for n in range(20)]
    results = [one for batch in await asyncio.gather(*(start_some(*one) for one in batches)) for one in batch]
    held = [one for one in await stores[0].sessions_of("acc") if one.ended is None]
    for store in stores:
        await store.close()
    assert results.count(Result.DONE) == streams == len(held)
    assert results.count(Result.NO_SLOT) == 200 - streams


async def test_a_start_and_a_heartbeat_of_two_processes_do_not_undo_each_other(make_store):
    first, second = make_store(), make_store()
    await first.open()
    await second.open()
    await first.apply([start(session("a", "tv"))])
    for number in range(20):
        replaced = session(f"b{number}", "tv", at=NOW + number)
        await asyncio.gather(first.apply([start(replaced)]), second.apply([beat("a", float(number))]))
        held = [one.session_id for one in await first.sessions_of("acc") if one.ended is None]
        assert held == [replaced.session_id]
    await first.close()
    await second.close()


async def test_what_was_acknowledged_is_there_after_a_restart(make_store):
    store = make_store()
    await store.open()
    await store.apply([start(session("a"))])
    await store.apply([beat("a", 33.0)])
    await store.close()
    again = make_store()
    await again.open()
    assert (await position_of(again, "p", "film")).position == 33.0
    await again.close()


async def test_expired_sessions_go(store):
    await store.apply([start(session("a", expires=NOW + 50)), start(session("b"))])
    assert await store.delete_expired(NOW + 60) == 1


async def test_ends_of_other_processes_are_found_and_consent_is_kept(make_store):
    here, there = make_store(), make_store()
    await here.open()
    await there.open()
    await here.apply([start(session(name, name, account=name)) for name in "abc"])
    await there.apply([EndSession("b", None, EndReason.REVOKED, NOW), NoteConsent("a", consent=False)])
    assert await here.ended_of(["a", "b", "c", "unknown"]) == ["b"]
    assert [(await here.get(name)).consent for name in "ac"] == [False, True]
    (outcome,) = await here.apply([NoteConsent("unknown", consent=False)])
    assert outcome.result is Result.UNKNOWN
    await here.close()
    await there.close()


async def test_above_the_bound_ended_and_long_unseen_sessions_go(make_store):
    store = make_store(max_sessions=2)
    await store.open()
    await store.apply([start(session(name, name, account=name)) for name in "abcd"])
    await store.apply([replace(beat("a", now=NOW + 20), owner="a"), replace(beat("c", now=NOW + 10), owner="c")])
    await store.apply([EndSession("c", None, EndReason.STOPPED, NOW), EndSession("b", None, EndReason.STOPPED, NOW)])
    assert await store.delete_expired(NOW + 30) == 2
    assert [name for name in "abcd" if await store.get(name) is not None] == ["a", "d"]
    assert [len(await store.sessions_of(name)) for name in "abcd"] == [1, 0, 0, 1]
    await store.close()
