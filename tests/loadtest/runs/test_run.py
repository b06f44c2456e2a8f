"""A whole run, with a driver that plays from memory."""

import asyncio

import pytest

from kernel.errors import BadSettings
from loadtest.runs.run import Run, judged, run_story
from loadtest.session import EndReason, RequestKey, RequestKind, SessionRecord, Tier
from loadtest.stories.reader import read_story

LEAST = 'name = "n"\nsummary = "s"\nplayers = 20\nseconds = 60\n'


class Driver:
    """Plays everybody at once."""

    playing, objects = 0, 5

    def __init__(self, until=lambda: True):
        self.viewers = []
        self._until = until

    async def play(self, viewers, seconds, on_record):
        for viewer in viewers:
            self.viewers.append(viewer)
            record = SessionRecord(viewer, startup_s=0.2, played_s=10.0, end=EndReason.WATCHED)
            record.add_request(RequestKey(RequestKind.SEGMENT, 200, Tier.EDGE, "e"), 1000, 0.01, 0.02)
            on_record(record)
        while not self._until():
            await asyncio.sleep(0.01)


def a_run(text="", **more):
    found = read_story(LEAST + text, "mine.toml")
    return Run(found, "http://t", **({"players": 20, "seconds": 60.0, "seed": 1} | more))


async def test_everybody_is_played_and_counted():
    driver = Driver()
    report = await run_story(a_run(), ["a", "b"], driver)
    assert report["players"] == report["requests"] == 20
    assert report["objects"] == 5
    assert {viewer.title for viewer in driver.viewers} <= {"a", "b"}
    assert report["passed"]
    assert report["run"]["target"] == "http://t"


async def test_a_compressed_run_stands_for_more_time():
    driver = Driver()
    report = await run_story(a_run("speed = 10\n"), ["a"], driver)
    assert max(viewer.arrival_s for viewer in driver.viewers) > 300
    assert report["timeline"]["partSeconds"] == 6


async def test_an_expectation_that_does_not_hold_fails_the_run():
    report = await run_story(a_run('[expect]\nalways = ["startup p50 < 100 ms"]\n'), ["a"], Driver())
    assert not report["passed"]
    (judged_one,) = report["expectations"]
    assert judged_one["name"] == "startup p50 < 100 ms"
    assert not judged_one["ok"]
    assert judged_one["value"] == pytest.approx(200, rel=0.03)


async def test_what_was_not_measured_decides_nothing_where_that_is_allowed():
    text = '[expect]\nwhere_measured = ["origin requests < 3"]\n'
    report = await run_story(a_run(text), ["a"], Driver())
    assert report["passed"]
    assert report["notMeasured"] == ["origin requests < 3"]
    assert not (await run_story(a_run(text.replace("where_measured", "always")), ["a"], Driver()))["passed"]


async def test_a_run_in_which_nobody_played_does_not_pass():
    report = await run_story(a_run(), ["a"], Driver())
    report["players"] = 0
    assert not judged(report, a_run().story)["passed"]


async def test_actions_are_done_while_viewers_play_and_their_failure_fails_the_run():
    begun = []

    def is_done():
        return any(done.ended_seconds is not None for progress in begun for done in progress.actions.done)

    run = a_run("[actions.a]\nat = 0\nstart = \"sh -c 'exit 3'\"\n")
    async with asyncio.timeout(20):
        report = await run_story(run, ["a"], Driver(until=is_done), begun.append)
    assert report["run"]["actions"][0]["error"].startswith("exit code 3")
    assert not report["passed"]


async def test_an_action_that_cannot_be_run_here_is_refused_before_anything_is_played():
    driver = Driver()
    with pytest.raises(BadSettings, match=r"actions\.a.*\{state\}.*no `matinee up`"):
        await run_story(a_run('[actions.a]\nat = 0\nstart = "kill {state}"\n'), ["a"], driver)
    assert driver.viewers == []
