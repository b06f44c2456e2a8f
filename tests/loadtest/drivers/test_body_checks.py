from aiohttp import web

from loadtest.player.settings import PlayerSettings
from loadtest.session import (
    EndReason,
    Failure,
    Viewer,
)
from tests.loadtest.playing import FILM, MASTER, outcomes, play
from tests.loadtest.serving import serving


async def test_segments_are_compared_with_the_origins():
    """A byte that a cache has changed is seen, and so is a segment that it has cut short."""

    async def spoiled(request):
        if request.path.endswith("00003.m4s"):
            size = FILM[request.path]
            return web.Response(body=b"!" * (size - 5 if "audio" in request.path else size))
        return None

    async with serving(FILM) as origin, serving(FILM, spoiled) as edge:
        settings = PlayerSettings(max_failures=1)
        (record,), driver = await play(Viewer(1, edge.url + MASTER), settings=settings, origin=origin.url)
        assert outcomes(record) & {Failure.CHECKSUM, Failure.LENGTH}
        # Before the first frame where the short audio segment comes first, after it where the video does.
        assert record.end in (EndReason.START_FAILED, EndReason.PLAYBACK_FAILED)
        assert driver.checks.compared > 2
        (record,), _ = await play(Viewer(1, origin.url + MASTER), origin=origin.url)
        assert outcomes(record) == {200}
        before = len(origin.asked)
        await play(*[Viewer(number, origin.url + MASTER) for number in range(3)], origin=origin.url)
        fetched = len(origin.asked) - before
    assert fetched < 4 * 17, "each object is fetched from the origin once"
