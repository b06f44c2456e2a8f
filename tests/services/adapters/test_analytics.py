"""The event log as analytics reads it."""

from services.adapters.analytics import EventLogForAnalytics
from services.events.record import Kind, Record
from services.events.segment_log import SegmentLog
from tests.doubles.clock import FakeClock


async def test_records_are_read_from_another_process_and_acknowledged(tmp_path, start):
    place = await start(only="events")
    for number in range(3):
        assert (await place.post("/events", [{"type": "hover", "at": number}]))[0] == 202
    source = EventLogForAnalytics(tmp_path / "data" / "events", "log-1")
    page = source.read(0)
    assert [record.kind for record in page.records] == [Kind.PLAYER] * 3
    assert page.cursor == page.records[-1].end
    assert source.read(page.records[1].position).records == page.records[1:]
    assert source.read(page.cursor).records == []
    source.acknowledge(page.cursor, 1.0)
    assert (tmp_path / "data" / "events" / "analytics.cursor").read_text().startswith(f"{page.cursor} ")


def test_an_empty_folder_has_nothing_to_read(tmp_path):
    assert EventLogForAnalytics(tmp_path, "log-1").read(0).records == []
    assert SegmentLog(tmp_path, FakeClock()).folder == tmp_path
    assert Record(Kind.LOGS, 1.0, b"").sessions == ()
