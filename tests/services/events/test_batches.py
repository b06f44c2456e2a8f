"""Bodies that players send: what is kept of them, and what is named as unfit."""

import json

import pytest

from services.events.batches import MAX_EVENTS, MAX_LINE_BYTES, read_cmcd, read_player_events

# As hls.js 1.7 sends them in event mode.
REAL = (
    b'bl=(0),cid="film",e=ps,mtp=(61000),sf=h,sid="0b7c5d2e-1f7a-4c3b-9b1c-2b3c4d5e6f70",sn=1,sta=s,ts=1764500000123,v=2\n'
    b'br=(3000),e=rr,rc=200,sid="0b7c5d2e-1f7a-4c3b-9b1c-2b3c4d5e6f70",sn=2,ts=1764500000456,ttfb=12,ttlb=80,v=2\n'
    b"\n"
)


def test_real_reports_are_kept_as_they_came():
    batch = read_cmcd(REAL)
    assert batch.body == REAL.strip()
    assert (batch.count, batch.sessions, batch.rejected) == (2, ("0b7c5d2e-1f7a-4c3b-9b1c-2b3c4d5e6f70",), ())


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'ts=1,sid="a"', "`e`"),
        (b'e=ps,sid="a"', "`ts`"),
        (b"e=ps,ts=1", "`sid`"),
        (b"e=ps,ts=1,sid=a", "`sid`"),
        (b'e=ps,ts=1,sid=""', "`sid`"),
        (b'e=ps,ts=1,sid="' + b"a" * 65 + b'"', "`sid`"),
        (b'e=ps,ts=soon,sid="a"', "`ts`"),
        (b'e=ps,ts=1,sid="a",cid="\x1b[31m"', "printable"),
        (b'e=ps,ts=1,sid="a",cid="caf\xc3\xa9"', "printable"),
        (b'e=ps,ts=1,sid="a",url="' + b"x" * MAX_LINE_BYTES + b'"', "longer"),
        (b"GET / HTTP/1.1", "`e`"),
    ],
)
def test_a_line_that_is_no_event_is_named_and_the_others_stay(line, why):
    good = b'e=ps,ts=1,sid="b"'
    batch = read_cmcd(good + b"\n" + line + b"\r\n" + good)
    assert (batch.count, batch.sessions) == (2, ("b",))
    [rejected] = batch.rejected
    assert rejected.number == 2
    assert why in rejected.why


def test_a_body_holds_a_bounded_number_of_lines_and_sessions():
    line = b'e=ps,ts=1,sid="b"\n'
    assert read_cmcd(line * MAX_EVENTS).count == MAX_EVENTS
    for read, body in (
        (read_cmcd, line * (MAX_EVENTS + 1)),
        (read_cmcd, b"\n\n"),
        (read_player_events, json.dumps([EVENT] * (MAX_EVENTS + 1)).encode()),
    ):
        with pytest.raises(ValueError, match="500 events"):
            read(body)
    sessions = read_cmcd(b"\n".join(b'e=ps,ts=1,sid="%d"' % number for number in range(80)))
    assert (len(sessions.sessions), len(sessions.rejected)) == (50, 30)


EVENT = {"type": "stall", "sessionId": "s1", "at": 1764500000.5, "position": 12.5, "duration": 0.8}


@pytest.mark.parametrize("wrap", [lambda events: events, lambda events: {"events": events}])
def test_player_events_are_kept_by_their_fields(wrap):
    batch = read_player_events(json.dumps(wrap([EVENT | {"colour": "blue"}])).encode())
    assert json.loads(batch.body) == [EVENT]
    assert batch.sessions == ("s1",)


def test_a_whole_number_may_be_written_as_any_number():
    body = b'[{"type": "switch", "sessionId": "s", "at": 1, "bitrate": 2.5e6}]'
    assert json.loads(read_player_events(body).body)[0]["bitrate"] == 2_500_000


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"type": "explode"}, "type"),
        ({"at": -1}, "at"),
        ({"at": "now"}, "at"),
        ({"position": -3}, "position"),
        ({"sessionId": "with space"}, "sessionId"),
        ({"message": "x" * 1001}, "message"),
        ({"sessionId": None}, "sessionId"),
        ({"edge": "a\0b"}, "edge"),
    ],
)
def test_an_event_with_a_bad_field_is_named_and_the_others_stay(change, why):
    batch = read_player_events(json.dumps([EVENT, EVENT | change, EVENT]).encode())
    assert batch.count == 2
    [rejected] = batch.rejected
    assert rejected.number == 2
    assert why in rejected.why


@pytest.mark.parametrize("body", [b"", b"{", b"7", b'"text"', b"{}", b'{"events": 3}', b"\xff\xfe", b"[" * 5000])
def test_a_body_that_is_no_list_is_refused(body):
    with pytest.raises(ValueError, match="not a JSON list of events"):
        read_player_events(body)
