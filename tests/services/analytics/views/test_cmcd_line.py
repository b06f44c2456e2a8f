"""A line of CMCD v2 event mode, as players write it and as they should not."""

import pytest

from services.analytics.views.cmcd_line import parse_cmcd, place_of, read_cmcd_event
from services.analytics.views.view_event import Signal

SEGMENT = (
    'bl=(12000),br=(2400),cid="film",com.example-note="a,b\\"c",e=rr,nor=("00013.m4s";r="0-10"),ot=v,rc=200,sf=h,'
    'sid="s-1",sn=12,sta=p,ts=1800000000123,ttfb=12,url="https://edge-1.example:8443/t/REDACTED/cdn/eu/film/v720/12.m4s",v=2'
)


def test_a_response_names_session_title_bitrate_edge_and_region():
    event = read_cmcd_event(SEGMENT, 1_800_000_001.0, "DE")
    assert (event.session, event.content_id, event.bitrate, event.code) == ("s-1", "film", 2400, "200")
    assert (event.edge, event.region, event.country) == ("edge-1.example:8443", "eu", "DE")
    assert (event.at, event.sequence, event.signal) == (1_800_000_000.123, 12, Signal.RESPONSE)
    assert parse_cmcd(SEGMENT).faults == ()


@pytest.mark.parametrize(
    ("state", "signal"),
    [("s", Signal.INTENT), ("p", Signal.PLAYING), ("k", Signal.SEEKING), ("r", Signal.WAITING), ("a", Signal.PAUSED),
     ("w", Signal.WAITING), ("e", Signal.ENDED), ("f", Signal.FATAL), ("q", Signal.QUIT), ("d", Signal.PRELOAD),
     ("x", Signal.OTHER)],
)  # fmt: skip
def test_a_change_of_state_is_its_signal(state, signal):
    assert read_cmcd_event(f'e=ps,sid="s",sta={state},ts=1', 1.0).signal is signal


@pytest.mark.parametrize(
    ("line", "signal", "code"),
    [
        ('e=e,ec=("manifestLoadError"),sid="s",sta=f,ts=1', Signal.FATAL, "manifestLoadError"),
        ('e=e,ec=("bufferStalled"),sid="s",sta=p,ts=1', Signal.ERROR, "bufferStalled"),
        ('e=t,sid="s",sta=p,ts=1', Signal.HEARTBEAT, ""),
        ('cen="quit",e=ce,sid="s",ts=1', Signal.QUIT, ""),
        ('cen="ad-skipped",e=ce,sid="s",ts=1', Signal.OTHER, ""),
        ('e=m,sid="s",ts=1', Signal.OTHER, ""),
    ],
)
def test_other_events_are_known_by_their_token(line, signal, code):
    event = read_cmcd_event(line, 1.0)
    assert (event.signal, event.code) == (signal, code)


@pytest.mark.parametrize("line", ['e=t,sid="s"', 'sid="s",ts=1', "e=t,ts=1", 'e=t,sid="",ts=1', "", "))(("])
def test_a_line_without_event_time_or_session_is_no_event(line):
    assert read_cmcd_event(line, 1.0) is None


def test_a_key_within_a_string_is_not_the_key():
    event = read_cmcd_event('cid="x,sid=\\"other\\",e=e",e=t,sid="mine",ts=5', 1.0)
    assert (event.session, event.name, event.content_id) == ("mine", "t", 'x,sid="other",e=e')


@pytest.mark.parametrize(
    ("member", "fault"),
    [
        ('bl="much"', "bl: is not a list of numbers"),
        ("sid=s", "sid: is not a string"),
        ("ts=now", "ts: is not a number"),
        ("bs=yes", "bs: is not a boolean"),
        ("ot", "ot: is not a token"),
        ("zz=1", "zz: is no key of CMCD version 2, and custom keys have a hyphen"),
        ('"', '": is no member of a dictionary of Structured Fields'),
    ],
)
def test_a_fault_names_the_key(member, fault):
    assert parse_cmcd(f"e=t,{member}").faults == (fault,)


@pytest.mark.parametrize("member", ["bs", "bs=?1", "bs=?0", "bl=12", "bl=(1 2)", "rc=404", "x-y=?1"])
def test_valid_members_have_no_fault(member):
    assert parse_cmcd(f"e=t,{member}").faults == ()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://e:1/cdn/eu/film/x.m4s", ("e:1", "eu")),
        ("/cdn/us-east/film/x.m4s", ("", "us-east")),
        ("http://e/t/abc/cdn/eu/film/x", ("e", "eu")),
        ("http://e/other", ("e", "")),
        ("http://[::1]:80", ("[::1]:80", "")),
        ("nonsense", ("", "")),
    ],
)
def test_a_url_tells_edge_and_region(url, place):
    assert place_of(url) == place
