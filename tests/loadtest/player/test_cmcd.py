import json
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.media.cmcd import of_text
from loadtest.player.cmcd import (
    MAX_EVENTS,
    CmcdMode,
    Event,
    EventReports,
    applied,
    encoded,
    relative_reference,
    response_received,
    without_cmcd,
    without_token,
)

ORACLE = Path("node_modules/@svta/cml-cmcd/dist/index.js").resolve()
KEYS = {
    "br": 3000, "bl": 12_340, "bs": True, "su": False, "d": 4000, "dl": 12_340, "mtp": 4_321, "nor": "00002.m4s 0-99",
    "ot": "v", "sf": "h", "st": "v", "sid": "s1", "cid": 'a "b"', "rtp": 15_000, "tb": 6000,
}  # fmt: skip


def test_version_1_by_ascending_key_with_its_roundings():
    assert encoded(KEYS, 1) == (
        'bl=12300,br=3000,bs,cid="a \\"b\\"",d=4000,dl=12300,mtp=4300,nor="00002.m4s",nrr="0-99",'
        'ot=v,rtp=15000,sf=h,sid="s1",st=v,tb=6000'
    )


def test_version_2_lists_and_states():
    keys = KEYS | {"v": 2, "sta": "p", "msd": 320}
    assert encoded(keys, 2) == (
        'bl=(12300),br=(3000),bs,cid="a \\"b\\"",d=4000,dl=12300,msd=320,mtp=(4300),nor=("00002.m4s";r="0-99"),'
        'ot=v,rtp=15000,sf=h,sid="s1",st=v,sta=p,tb=(6000),v=2'
    )


def test_keys_of_version_2_do_not_leave_in_version_1():
    assert encoded({"sta": "p", "msd": 1, "lb": 1, "ot": "v"}, 1) == "ot=v"


def test_in_the_query_it_is_encoded_once_and_can_be_taken_off():
    url, headers = applied("http://h/a.m4s?t=1", {"sid": "a b", "su": True}, CmcdMode.V1_QUERY)
    assert url == "http://h/a.m4s?t=1&CMCD=sid%3D%22a%20b%22%2Csu"
    assert headers == ()
    assert without_cmcd(url) == "http://h/a.m4s?t=1"
    assert without_cmcd("http://h/CMCD=x") == "http://h/CMCD=x"


def test_in_headers_each_key_goes_into_its_field():
    url, headers = applied("http://h/a", KEYS, CmcdMode.V1_HEADERS)
    assert url == "http://h/a"
    assert dict(headers) == {
        "CMCD-Object": "br=3000,d=4000,ot=v,tb=6000",
        "CMCD-Request": 'bl=12300,dl=12300,mtp=4300,nor="00002.m4s",nrr="0-99"',
        "CMCD-Status": "bs,rtp=15000",
        "CMCD-Session": 'cid="a \\"b\\"",sf=h,sid="s1",st=v',
    }


@pytest.mark.parametrize(
    ("url", "base", "reference"),
    [
        ("http://h/t/v/2.m4s", "http://h/t/v/1.m4s?CMCD=x", "2.m4s"),
        ("http://h/a/w/2.m4s", "http://h/a/v/1.m4s", "../w/2.m4s"),
        ("http://other/2.m4s", "http://h/1.m4s", None),
        ("http://h/2.m4s?token=secret", "http://h/1.m4s", None),
        ("http://h/t/eyJ.eyJ.sig/cdn/2.m4s", "http://h/cdn/1.m4s", None),
        ("http://h/cdn/eu/t/v/2.m4s", "http://h/cdn/eu/t/a/1.m4s", "../v/2.m4s"),
    ],
)
def test_the_next_object_never_carries_a_token(url, base, reference):
    assert relative_reference(url, base) == reference


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("http://h/t/eyJ.a.b/cdn/eu/x/1.m4s?CMCD=a#f", "http://h/cdn/eu/x/1.m4s"),
        ("https://h:8443/x/1.m4s?token=s", "https://h:8443/x/1.m4s"),
        ("http://h/cdn/eu/t/v/1.m4s", "http://h/cdn/eu/t/v/1.m4s"),
    ],
)
def test_reported_addresses_lose_their_tokens(url, clean):
    assert without_token(url) == clean


def reports():
    made = EventReports()
    session = {"sid": "s1", "cid": "c1", "sf": "h", "st": "v"}
    made.report(Event.PLAY_STATE, 1_700_000_000.0, session | {"sta": "s"})
    keys = response_received("http://h/t/eyJ/cdn/x/1.m4s?CMCD=y", 200, 0.012, 0.3)
    made.report(Event.RESPONSE_RECEIVED, 1_700_000_000.5, session | keys | {"sta": "p"})
    made.report(Event.BITRATE_CHANGE, 1_700_000_001.0, session | {"br": 3000, "sta": "p"})
    made.report(Event.ERROR, 1_700_000_002.0, session | {"sta": "f", "ec": "503"})
    made.report(Event.INTERVAL, 1_700_000_003.0, session | {"sta": "p"})
    return made


def test_events_are_a_line_each_with_count_and_time():
    batch = reports().batch().decode()
    assert batch.splitlines()[1] == (
        'cid="c1",e=rr,rc=200,sf=h,sid="s1",sn=2,st=v,sta=p,ts=1700000000500,ttfb=12,ttlb=300,url="http://h/cdn/x/1.m4s",v=2'
    )
    assert "eyJ" not in batch


def test_a_batch_that_was_refused_is_sent_again_and_the_queue_is_bounded():
    made = reports()
    body = made.batch()
    made.give_back(body)
    assert made.batch() == body
    for _ in range(MAX_EVENTS + 50):
        made.report(Event.INTERVAL, 0.0, {})
    assert len(made.lines) == MAX_EVENTS
    made.is_silenced = True
    made.report(Event.INTERVAL, 0.0, {})
    assert len(made.lines) == MAX_EVENTS


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=30))
def test_the_platforms_reader_understands_any_session_id(sid):
    text = encoded({"sid": sid, "ot": "v", "bl": 4000, "su": True}, 1)
    found = of_text(text)
    assert (found.session, found.object, found.buffer, found.startup) == (sid, "v", 4000, True)


@pytest.mark.needs("node")
@pytest.mark.skipif(not ORACLE.exists(), reason="node_modules is not installed")
def test_the_svta_validator_accepts_requests_and_events():
    """The reference implementation of CTA-5004-B judges both versions, in the query and in header fields."""
    v2 = KEYS | {"v": 2, "sta": "p", "msd": 320, "lb": 800}
    cases = {
        "query1": unquote(applied("http://h/", KEYS, CmcdMode.V1_QUERY)[0].partition("CMCD=")[2]),
        "query2": unquote(applied("http://h/", v2, CmcdMode.V2_QUERY)[0].partition("CMCD=")[2]),
        "headers1": dict(applied("http://h/", KEYS, CmcdMode.V1_HEADERS)[1]),
        "headers2": dict(applied("http://h/", v2, CmcdMode.V2_HEADERS)[1]),
        "events": reports().batch().decode(),
    }
    script = f"""
      import {{decodeCmcd, validateCmcd, validateCmcdHeaders, validateCmcdEvents}} from {json.dumps(ORACLE.as_uri())};
      const c = {json.dumps(cases)};
      const found = {{
        query1: validateCmcd(decodeCmcd(c.query1), {{version: 1}}),
        query2: validateCmcd(decodeCmcd(c.query2), {{version: 2, reportingMode: "request"}}),
        headers1: validateCmcdHeaders(c.headers1, {{version: 1}}),
        headers2: validateCmcdHeaders(c.headers2, {{version: 2}}),
        events: validateCmcdEvents(c.events),
      }};
      console.log(JSON.stringify(found));
    """
    done = subprocess.run(
        [shutil.which("node"), "--input-type=module", "-e", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    for name, found in json.loads(done.stdout).items():
        assert found["valid"], (name, found["issues"])
        assert not found["issues"], name
