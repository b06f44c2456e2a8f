"""JSON of the page, the playback service and edges as events of a session."""

import json

import pytest

from services.analytics.views.json_lines import read_access_line, read_playback, read_player_list
from services.analytics.views.view_event import Signal


def test_events_of_the_page():
    body = json.dumps(
        [
            {"type": "first-frame", "sessionId": "s", "at": 5.5, "startup": 1.25, "contentId": "film",
             "player": "hls.js", "edge": "http://edge:81", "sequence": 3},
            {"type": "switch", "sessionId": "s", "at": 6, "bitrate": 2_400_000},
            {"type": "error", "sessionId": "s", "at": 7, "code": "plan", "fatal": True},
            {"type": "error", "sessionId": "s", "at": 7, "code": "net"},
            {"type": "hover", "at": 8, "contentId": "other"},
            {"type": 5},
        ]
    ).encode()  # fmt: skip
    first, switch, fatal, error, hover = read_player_list(body, 9.0, "DE")
    assert (first.signal, first.startup, first.edge, first.sequence) == (Signal.PLAYING, 1.25, "edge:81", 3)
    assert (switch.signal, switch.bitrate, switch.country) == (Signal.BITRATE, 2400, "DE")
    assert (fatal.signal, fatal.code, error.signal) == (Signal.FATAL, "plan", Signal.ERROR)
    assert (hover.signal, hover.session, hover.name) == (Signal.OTHER, "", "hover")
    assert list(read_player_list(b"{", 1.0)) == []


def test_a_stop_of_the_playback_service_has_a_position():
    body = json.dumps(
        {"event": "stop", "sessionId": "s", "contentId": "film", "position": 61.5, "duration": 120}
    ).encode()
    event = read_playback(body, 5.0, "profile", "DE")
    assert (event.position, event.duration, event.subject, event.country) == (61.5, 120, "profile", "DE")
    assert read_playback(b"[]", 5.0) is None


def test_a_line_of_an_edges_access_log():
    line = json.dumps({"time": 3.0, "node": "e1", "session": "s", "path": "/cdn/eu/film/v720/1.m4s", "status": 200,
                       "bytes": 9, "country": None}).encode()  # fmt: skip
    event = read_access_line(line, 5.0)
    assert (event.session, event.content_id, event.region, event.edge) == ("s", "film", "eu", "e1")
    assert (event.name, event.code, event.bytes, event.at) == ("segment", "200", 9, 3.0)
    init = read_access_line(line.replace(b"1.m4s", b"init.mp4"), 5.0)
    assert init.name == "request"
    assert read_access_line(b"no json", 5.0) is None


@pytest.mark.parametrize("wrong", ['"time":1e300', '"time":-1e300', '"bytes":18446744073709551615', '"status":1e30'])
def test_a_number_that_no_column_holds_makes_a_line_unreadable(wrong):
    assert read_access_line(b'{"time":3,%s}' % wrong.encode(), 5.0) is None


@pytest.mark.parametrize("wrong", ['"at":1e300', '"sequence":18446744073709551615', '"position":1e300'])
def test_a_number_that_no_column_holds_leaves_a_players_event_out(wrong):
    assert list(read_player_list(b'[{"type":"stop",%s}]' % wrong.encode(), 5.0)) == []
