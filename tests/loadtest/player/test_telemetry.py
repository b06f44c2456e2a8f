import json

import pytest

from loadtest.player.buffer import MediaBuffer
from loadtest.player.cmcd import CmcdMode, EventReports
from loadtest.player.requests import Answer, Fetch
from loadtest.player.settings import PlayerSettings
from loadtest.player.telemetry import Telemetry
from loadtest.session import Failure, RequestKind, SessionRecord, Stall, Tier, Viewer

URL = "http://e1.example/t/JWT/cdn/eu/t/v/1.m4s"


def telemetry(**settings):
    record = SessionRecord(Viewer(1, "t"), "s1")
    made = Telemetry(record, PlayerSettings(gateway="http://g", **settings), MediaBuffer(record), 1_700_000_000.0)
    made.heartbeats_offered = True
    made.reports = EventReports()
    return made


def ended(made, outcome, *, kind=RequestKind.SEGMENT, url=URL):
    fetch = Fetch(kind, url, 1.0)
    made.count(fetch, Answer(outcome, url, 10, tier=Tier.EDGE, node="e1", ttfb_s=0.01, total_s=0.02), 2.0)
    return fetch


@pytest.mark.parametrize(
    ("kind", "outcome", "errors"),
    [
        (RequestKind.SEGMENT, 200, 0),
        (RequestKind.SEGMENT, 404, 1),
        (RequestKind.SEGMENT, Failure.CONNECT, 1),
        (RequestKind.EVENTS, 404, 0),
        (RequestKind.HEARTBEAT, 405, 0),
        (RequestKind.HEARTBEAT, 503, 1),
    ],
)
def test_what_the_target_does_not_offer_is_no_error(kind, outcome, errors):
    made = telemetry()
    ended(made, outcome, kind=kind)
    assert made.record.errors == errors
    assert sum(totals.count for totals in made.record.requests.values()) == 1


def test_a_heartbeat_tells_what_happened_since_the_one_before():
    made = telemetry()
    ended(made, 200)
    ended(made, 503)
    made.record.add_stall(Stall(0.0, 1.5))
    first = json.loads(made.heartbeat(10.0).body)
    assert first == {
        "sessionId": "s1", "currentPosition": 0.0, "edge": "http://e1.example",
        "requests": 2, "errors": 1, "stalledSeconds": 1.5,
    }  # fmt: skip
    second = json.loads(made.heartbeat(20.0).body)
    assert (second["requests"], second["errors"], second["stalledSeconds"]) == (0, 0, 0.0)


def test_without_a_session_of_the_gateway_nothing_is_posted_to_it():
    made = telemetry()
    made.heartbeats_offered = False
    assert made.heartbeat(1.0) is made.stop(1.0) is None


@pytest.mark.parametrize(("status", "kept"), [(202, False), (429, True), (503, True), (410, False), (404, False)])
def test_a_collector_that_is_busy_gets_the_events_later(status, kept):
    made = telemetry()
    ended(made, 200)
    batch = made.event_batch(5.0)
    made.on_report_answer(batch, Answer(status, batch.url))
    assert bool(made.reports.lines) == kept
    assert made.reports.is_silenced == (status in (404, 410))


def test_events_tell_no_token():
    made = telemetry(events_url="http://collector/cmcd")
    ended(made, 200)
    batch = made.event_batch(5.0)
    assert batch.url == "http://collector/cmcd"
    assert b"JWT" not in batch.body
    assert b'url="http://e1.example/cdn/eu/t/v/1.m4s"' in batch.body


def test_heartbeats_carry_no_cmcd():
    made = telemetry(cmcd=CmcdMode.V1_QUERY)
    fetch = Fetch(RequestKind.HEARTBEAT, "http://g/playback/heartbeat", 0.0)
    made.decorate(fetch, None)
    assert fetch.url == "http://g/playback/heartbeat"
