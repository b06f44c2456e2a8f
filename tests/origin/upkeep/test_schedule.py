"""When upkeep is due, for one origin of several."""

import asyncio

from origin.upkeep.schedule import STALLED_SECONDS, LastRun, claim, last_run_key, note_progress

EVERY = 86400.0


async def test_it_is_due_after_every_so_long_for_one_of_several(store):
    """A new store is not scrubbed at once; a restart changes nothing."""
    assert await claim(store, "scrub", EVERY, 1000.0) is None
    assert await claim(store, "scrub", EVERY, 1000.0 + EVERY - 1) is None
    claims = await asyncio.gather(*(claim(store, "scrub", EVERY, 1000.0 + EVERY) for _ in range(3)))
    assert [one for one in claims if one] == [LastRun(1000.0 + EVERY, 1000.0 + EVERY)]
    assert await claim(store, "scrub", EVERY, 1001.0 + EVERY) is None
    assert await claim(store, "garbage", EVERY, 1001.0 + EVERY) is None, "each kind by itself"


async def test_a_run_that_was_killed_goes_on_where_it_was(store):
    began = 1000.0 + EVERY
    await claim(store, "scrub", EVERY, 1000.0)
    run = await claim(store, "scrub", EVERY, began)
    await note_progress(store, "scrub", run, "title-7", began + 10)
    assert await claim(store, "scrub", EVERY, began + STALLED_SECONDS) is None, "somebody is at it"
    again = await claim(store, "scrub", EVERY, began + 11 + STALLED_SECONDS)
    assert (again.began, again.after) == (began, "title-7")
    await note_progress(store, "scrub", again, "", began + 20 + STALLED_SECONDS)
    assert await claim(store, "scrub", EVERY, began + 3 * STALLED_SECONDS) is None


async def test_a_damaged_record_means_that_a_run_is_due(store):
    await store.put(last_run_key("scrub"), b"{")
    assert (await claim(store, "scrub", EVERY, 2 * EVERY)).after == ""
