"""Retention periods: each kind of data by its own, and no failure holds up the others."""

from kernel.errors import StorageFailed
from services.retention import RetentionJob, RetentionRule
from tests.doubles.clock import FakeClock

NOW = 1_800_000_000.0


async def test_each_kind_of_data_is_deleted_by_its_own_period():
    asked = []

    def rule(what, seconds, *, fails=False):
        async def delete_before(moment):
            asked.append((what, NOW - moment))
            if fails:
                raise StorageFailed("away")
            return 1

        return RetentionRule(what, seconds, delete_before)

    await RetentionJob([rule("positions", 60.0, fails=True), rule("feedback", 3600.0)], FakeClock(NOW)).apply()
    assert asked == [("positions", 60.0), ("feedback", 3600.0)]


PERSON = {"accountId": "", "profiles": ["ann"]}


async def test_feedback_is_gone_after_its_period(once, fill, title, clock, until):
    await fill(title("film"))
    async with once(feedback_keep="2h") as place:
        like = {"userId": "ann", "contentId": "film", "action": "LIKE"}
        assert (await place.post("/recommendations/feedback", like))[0] == 200
    clock.now += 3600
    async with once(feedback_keep="2h") as place:
        assert (await place.post("/internal/people/export", PERSON))[1]["recommend"]
    clock.now += 3601
    async with once(feedback_keep="2h") as place:

        async def is_gone():
            return not (await place.post("/internal/people/export", PERSON))[1]["recommend"]

        await until(is_gone)
