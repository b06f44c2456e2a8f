"""The load test's players watch the platform's own film: HLS and DASH, by the gateway and by a playlist's address."""

import pytest

from loadtest.drivers.asyncio_driver import AsyncioDriver
from loadtest.player.cmcd import CmcdMode
from loadtest.player.settings import Format, PlayerSettings
from loadtest.session import EndReason, RequestKind, Tier, Viewer
from tests.loadtest.playing import outcomes

FILM_S = 10.0


async def play(*viewers, settings, speed=4.0):
    records = []
    await AsyncioDriver(settings, speed=speed).play(viewers, 60.0, records.append)
    return records


@pytest.mark.parametrize("kind", list(Format))
@pytest.mark.parametrize("cmcd", [CmcdMode.V1_QUERY, CmcdMode.V2_HEADERS])
async def test_guests_watch_the_film_through_the_gateway(platform, kind, cmcd):
    settings = PlayerSettings(gateway=platform.page, format=kind, cmcd=cmcd, sends_events=True, heartbeat_s=3.0)
    records = await play(*(Viewer(number, platform.content_id) for number in range(3)), settings=settings)
    for record in records:
        assert (record.end, record.end_detail, record.errors) == (EndReason.WATCHED, "", 0)
        assert record.played_s == pytest.approx(FILM_S, abs=0.2)
        segments = [key for key in record.requests if key.kind is RequestKind.SEGMENT]
        assert {key.outcome for key in segments} == {200}
        assert {key.tier for key in segments} <= {Tier.EDGE, Tier.SHIELD, Tier.ORIGIN}
        beats = [key.outcome for key in record.requests if key.kind is RequestKind.HEARTBEAT]
        assert 200 in beats
        assert record.session_id
    assert len({record.session_id for record in records}) == 3


@pytest.mark.parametrize("stream", ["streamUrl", "dashUrl"])
async def test_the_address_of_a_manifest_is_enough(session, stream):
    (record,) = await play(Viewer(1, session[stream]), settings=PlayerSettings())
    assert (record.end, record.end_detail, record.errors) == (EndReason.WATCHED, "", 0)
    assert record.played_s == pytest.approx(FILM_S, abs=0.2)


async def test_each_segment_is_the_origins(platform, session):
    """The edges give what the origin holds, byte for byte."""
    driver = AsyncioDriver(PlayerSettings(), speed=4.0, origin=platform.plan.addresses.origin)
    records = []
    await driver.play([Viewer(1, session["streamUrl"])], 60.0, records.append)
    assert (outcomes(records[0]), records[0].errors) == ({200}, 0)
    assert driver.checks.compared > 4
    assert driver.checks.unknown == 0
