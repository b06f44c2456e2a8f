"""Every parser of text from outside does work in proportion to its text, whatever is repeated in it.

The table names each of them, with beginnings that lead into its loops. To each beginning a unit is added again and
again, and an end that may make it look back; a text four times as long may cost hardly more than four times as much.
What is counted, and what is not, stands in tests/work.py; the patterns alone are in tests/repo/test_patterns.py.
"""

from __future__ import annotations

import ipaddress

import pytest

from cache.entry import normalised
from edge.policy.authorise import max_height
from edge.policy.locate import Locator
from edge.policy.profile import PROFILES, KeyedQuery
from edge.policy.purge_keys import general_prefix, media_key, media_prefix
from edge.policy.route import find_token, general_route, is_loop, keyed_value, media_route, without_token
from edge.policy.rules import Rules
from edge.prefetch.segment_index import read_playlist
from edge.slices.content_range import part_of, upstream_range
from edge.upstreams.http1_client import response_framing as answer_framing
from edge.wire.chunks import Chunks
from edge.wire.head import Limits, framing, is_authority, read_head, unmet_expectation
from edge.wire.request import Malformed, Request
from edge.wire.request_reader import RequestReader
from kernel.auth.claims import is_scope, permit_of
from kernel.auth.licence import parse_licence
from kernel.auth.signing_keys import KeySet, SigningKey, decode_base64url, generate_ed25519_pem
from kernel.auth.token import verify
from kernel.documents import load_json, parse_moment
from kernel.fleet.hot_list import parse_hot
from kernel.fleet.identity import named_by, read_token
from kernel.fleet.jobs import parse_prefetch, parse_purge
from kernel.http.authority import normal_authority
from kernel.http.cache_control import parse_directives, parse_targeted
from kernel.http.conditional import etags, not_modified, precondition_holds, range_holds
from kernel.http.dates import parse_date
from kernel.http.door_rules import Call, host_name, is_cross_site
from kernel.http.field_names import is_override
from kernel.http.forwarding import hops_left, x_forwarded_for
from kernel.http.freshness import assess
from kernel.http.message import end_to_end, members
from kernel.http.path_pattern import parse_pattern
from kernel.http.paths import normal_name, normalise, normalise_any, read_path_anew, split_cdn, split_token
from kernel.http.ranges import parse_content_range, parse_range
from kernel.http.request_directives import wishes
from kernel.http.trace_context import trace_id_of
from kernel.media.cmcd import of_request, of_text
from kernel.media.content_keys import parse_content
from kernel.media.cpix import read_request, read_response
from kernel.media.mpd import parse_mpd
from kernel.media.naming import within_title
from kernel.media.playlist import attributes, cut, parse_media, parse_multivariant
from kernel.media.steering import steered_manifest, steered_playlist
from kernel.settings.setting_types import parse_address, parse_duration, parse_size
from kernel.upstreams.upstream_url import UPSTREAM
from loadtest.player.dash import read_dash
from loadtest.player.hls import read_hls, read_timeline
from services.analytics.views.cmcd_line import parse_cmcd, read_cmcd_event
from services.catalogue.routes import decode_cursor
from services.catalogue.title_line import parse_line
from services.events.redaction import remove_tokens
from services.http.caller import Authenticator
from services.http.geo import viewer_address
from services.playback.drm.clear_key import read_key_ids
from services.playback.routing.pathways import parse_player
from services.playback.start.eligibility import parse_bitrate
from services.recommend.events import parse_row
from services.search.query.parse import parse_query, read_hints
from services.search.text.fold import index_text, key, trigrams, words
from services.search.text.names import forms
from services.search.text.snippet import highlight, snippet
from services.users.access_token import AccessTokens
from tests.backtracking import MOST_STEPS
from tests.work import count_patterns, work_of

LIMITS = Limits(target=16_384, head=49_152, fields=100, body=1 << 20)
WHEN = {"request_wall": 1e9, "response_wall": 1e9}
CDN = b"/cdn/eu/film/"
GATE = Authenticator("key" * 8, b"s" * 32)
ACCESS_TOKENS = AccessTokens(SigningKey.from_pem(generate_ed25519_pem()))
LOCATOR = Locator(trusted_proxies=[ipaddress.ip_network("0.0.0.0/0")])
TRUSTED = [ipaddress.ip_network("0.0.0.0/0")]
POLICY = PROFILES["general"].keep_policy
MEDIA_HEAD = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n"
MPD_END = b"</AdaptationSet></Period></MPD>"
CPIX = '<CPIX xmlns="urn:dashif:org:cpix" version="2.3" contentId="a">'
MPD = '<MPD mediaPresentationDuration="PT9S"><Period><AdaptationSet>'


def request(target=CDN + b"a", method=b"GET", **fields):
    given = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    return Request(method, target, {b"host": b"a", **given}, 1, keep_alive=True)


def one_by_one(head):
    """A request whose bytes come one by one: what was looked at is not looked at again."""
    reader = RequestReader(LIMITS)
    for at in range(len(head)):
        reader._rest += head[at : at + 1]
        if isinstance(reader._next(), Malformed):
            return


def chunked(data):
    chunks, rest, body = Chunks(LIMITS), bytearray(), bytearray()
    for at in range(0, len(data), 64):
        rest += data[at : at + 64]
        if chunks.read(rest, body) is not None:
            return


def of_response(name):
    return lambda value: assess(b"GET", {}, 200, [(name, value)], POLICY, **WHEN)


KEYED = KeyedQuery(is_allow_list=False, names=frozenset((b"z",)), is_sorted=True, drops_tokens=True)
BYTES = {
    # fields of requests and responses
    "Cache-Control": (lambda v: parse_directives([v]), b"a,", b'a="', b"private=", b"max-age="),
    "Cache-Control of a request": (lambda v: wishes({b"cache-control": v}, honour=True), b"a,", b"max-stale"),
    "Cache-Control in many lines": (lambda v: parse_directives(v.split(b";")), b'private="a"', b"no-cache=a"),
    "Pragma": (lambda v: wishes({b"pragma": v}, honour=True), b"no-cache,"),
    "CDN-Cache-Control": (lambda v: parse_targeted([v]), b"a=", b"a=(", b'a="', b"a;b=", b"max-age=1, "),
    "freshness by Cache-Control": (of_response(b"cache-control"), b"a,", b"max-age=1,"),
    "freshness by CDN-Cache-Control": (of_response(b"cdn-cache-control"), b"max-age=1,"),
    "freshness by Expires": (of_response(b"expires"), b"Sun, 06 Nov 1994 08:49:37"),
    "Age": (of_response(b"age"), b"1"),
    "Vary": (of_response(b"vary"), b"a,"),
    "a field that varies": (lambda v: normalised(b"accept-encoding", v), b"gzip,"),
    "Date": (parse_date, b"", b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sunday, 06-Nov-94 08:49:37 GMT"),
    "entity-tags": (etags, b"", b'"a"', b"W/"),
    "If-None-Match": (lambda v: not_modified({b"if-none-match": v}, b'"z"', None), b'"a",', b"W/"),
    "If-Modified-Since": (lambda v: not_modified({b"if-modified-since": v}, None, b"x"), b"Sun"),
    "If-Match": (lambda v: precondition_holds({b"if-match": v}, b'"z"', None), b'"a",'),
    "If-Range": (lambda v: range_holds(v, b'"a"', b"x"), b'"a"'),
    "Range": (lambda v: parse_range(v, 1000), b"bytes=", b"bytes=0-", b"bytes=-"),
    "Range upstream": (lambda v: upstream_range(v, 1 << 20), b"bytes=", b"bytes=0-"),
    "Content-Range": (parse_content_range, b"bytes 0-", b"bytes 0-1/"),
    "a part": (lambda v: part_of([(b"content-range", v)], None), b"bytes 0-"),
    "Connection": (lambda v: end_to_end([(b"connection", v), (b"a", b"b")]), b"close,"),
    "a list": (lambda v: members([v]), b"a,"),
    "Max-Forwards": (lambda v: hops_left(b"TRACE", {b"max-forwards": v}), b"1"),
    "Forwarded": (lambda v: x_forwarded_for({b"forwarded": v, b"x-forwarded-for": v}, b"::1"), b"for=a,"),
    "X-Forwarded-For": (lambda v: LOCATOR.viewer_address("192.0.2.1", [v]), b"192.0.2.1,", b"::1,"),
    "CDN-Loop": (lambda v: is_loop("e1", v), b"e2;a=b,"),
    "Accept-Encoding": (lambda v: keyed_value(b"accept-encoding", v), b"gzip;q=0"),
    "a field's name": (is_override, b"x-", b"cf-", b"http_", b"a-"),
    "Content-Length": (lambda v: framing(request(content_length=v), LIMITS), b"1"),
    "Transfer-Encoding": (lambda v: framing(request(transfer_encoding=v), LIMITS), b"chunked,"),
    "Expect": (lambda v: unmet_expectation(request(expect=v)), b"100-continue,"),
    "framing of an answer": (lambda v: answer_framing(200, [(b"content-length", v)], 1, bodyless=False), b"1,"),
    "Host": (is_authority, b"a", b"[::1]:"),
    "Cookie": (lambda v: find_token(None, b"", v, None), b"a=b;", b"URISigningPackage="),
    "Authorization": (lambda v: find_token(None, b"", None, v), b"Bearer "),
    # the wire
    "a head": (lambda v: read_head(v, LIMITS), b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nb:", b"GET /"),
    "a head, byte by byte": (one_by_one, b"GET /", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP/1.1\r\nb:"),
    "chunks": (chunked, b"1\r\na\r\n", b"1;a=", b'1;a="', b"0\r\n", b"0\r\na:"),
    # paths and queries
    "a target": (normalise, b"/", b"/a?", b"/%41", CDN),
    "any target": (normalise_any, b"/", b"/a?", b"/%41"),
    "a token's folder": (split_token, b"/t/", b"/t/a.b.c/"),
    "a path": (read_path_anew, b"/", CDN),
    "the CDN's path": (split_cdn, b"/cdn/", CDN, CDN + b"720_"),
    "a name in a query": (normal_name, b"a"),
    "a host": (lambda v: normal_authority(v, b"80"), b"a:", b"a.", b"[::", b"%41"),
    "a query, keyed": (KEYED.keyed_part, b"a=b&"),
    "a token in a query": (lambda v: find_token(None, v, None, None), b"a&", b"token="),
    "a query without token": (without_token, b"a&"),
    "a request of the CDN": (lambda v: media_route(request(v)), CDN, b"/t/a.b.c" + CDN, CDN + b"a?"),
    "any request": (lambda v: general_route(request(v)), b"/", b"/a?token=", b"/t/a.b.c/", b"/t/"),
    "a rendition's folder": (max_height, b"v720/", b"v"),
    "a reference": (lambda v: within_title(CDN + b"v720/a", v.decode("latin-1")), b"../", b"/cdn/eu/film/"),
    # tokens and keys
    "a token": (lambda v: verify(v, KeySet({}, "1")), b"", b"a.b.", b"eyJhbGciOiJFZERTQSJ9."),
    "base64url": (decode_base64url, b"", b"AAAA"),
    "a key set": (KeySet.from_json, b'{"keys":[', b"{"),
    # documents
    "JSON": (load_json, b"[", b'{"a":', b'"', b"1", b"-0.", b'{"a":"\\u0000'),
    "rules": (Rules.from_bytes, b'{"titles":{"a":{"allow":['),
    "a line of a catalogue": (parse_line, b'{"title":"', b'{"title":"a","cast":['),
    # CMCD
    "CMCD in the query": (lambda v: of_request(v, {}), b"CMCD=", b"a&CMCD="),
    "CMCD in fields": (lambda v: of_request(b"", {b"cmcd-request": v}), b"x ", b"nor=(", b'nor="', b"a;"),
    # playlists
    "a playlist": (lambda v: read_playlist(CDN + b"m.m3u8", v), b"#EXTM3U\n", MEDIA_HEAD.encode(), MPD.encode()),
    "an MPD": (parse_mpd, b"<MPD>", MPD.encode(), MPD.encode() + b'<SegmentTemplate media="a" duration="1"/>',
               MPD.encode()[:-15]),
    "an MPD of many Representations": (lambda v: parse_mpd(v + MPD_END), MPD.encode(),
               MPD.encode() + b'<SegmentTemplate media="a" duration="1"/>',
               MPD.encode() + b'<SegmentTemplate media="a" timescale="1"><SegmentTimeline><S d="1"/></SegmentTimeline>'
               b"</SegmentTemplate>"),
    "an MPD of many segments": (lambda v: parse_mpd(v + b"</SegmentList><Representation/>" + MPD_END),
               MPD.encode() + b"<SegmentList>"),
    "an MPD to be played": (read_dash, b"<MPD>", MPD.encode(),
                            MPD.encode() + b'<SegmentTemplate media="a" duration="1"/>'),
    "a key server's CPIX document": (
        read_response, b"<CPIX>", CPIX.encode() + b"<DRMSystemList>", CPIX.encode() + b"<DRMSystemList><DRMSystem>",
    ),
    "a CPIX document": (read_request, b"<CPIX>", CPIX.encode(), CPIX.encode() + b"<ContentKeyList>"),
    "a licence request of Clear Key": (read_key_ids, b'{"kids":["', b'{"kids":[', b"{"),
    "an MPD that is steered": (lambda v: steered_manifest(v, "http://a", {"a": ""}), b"<MPD>", MPD.encode()),
}  # fmt: skip

TEXTS = {
    "CMCD": (of_text, "x ", "nor=(", 'a="', 'nor=("a";r=', "a,"),
    "a CMCD event": (lambda v: read_cmcd_event(v, 1.0), "a ", ",a=(", ',a="', ',a="\\', ',a=("b"', 'e=t,url="/cdn/'),
    "a CMCD line": (parse_cmcd, "a=1", "a=1,", 'a="', 'a="\\', 'a=("b"', "a;b=", "a=1;"),
    "an attribute list": (attributes, "A=", 'A="', "A=1,", "A=1 "),
    "a multivariant playlist to be played": (read_hls, "#EXTM3U\n", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,"),
    "a media playlist to be played": (read_timeline, MEDIA_HEAD, MEDIA_HEAD + "#EXTINF:"),
    "a media playlist": (parse_media, MEDIA_HEAD, MEDIA_HEAD + "#EXTINF:", MEDIA_HEAD + "#EXT-X-MAP:URI="),
    "a multivariant playlist": (parse_multivariant, "#EXTM3U\n#EXT-X-STREAM-INF:", "#EXTM3U\n#EXT-X-MEDIA:A=1,"),
    "a playlist that is cut": (lambda v: cut(v, lambda _: False), "#EXTM3U\n#EXT-X-STREAM-INF:A=1\n"),
    "a playlist that is steered": (
        lambda v: steered_playlist(v, "http://a", {"a": "http://b/", "here": ""}),
        '#EXTM3U\n#EXT-X-STREAM-INF:AUDIO="', "#EXTM3U\n#EXT-X-MEDIA:", '#EXTM3U\n#EXT-X-MEDIA:URI="',
    ),
    "content of keys": (parse_content, "a", "a:1"),
    "a date in a document": (parse_moment, "2026-01-01T00:00:00"),
    "claims": (lambda v: permit_of({"exp": 1, "cdniuc": v, "cdnicrit": v, "ipnet": v}, key_version="", issuer="",
                                   audience=""), "regex:", "hash:sha-256;"),
    "claims of a scope": (lambda v: permit_of({"exp": 1, "mpath": v}, key_version="", issuer="", audience=""), "/cdn/"),
    "a scope": (is_scope, "/cdn/eu/"),
    "an enrolment token": (read_token, "mtn1-", "mtn1-" + "a" * 52 + "-"),
    "a node's name": (named_by, "matinee://node/edge/"),
    "a purge": (lambda v: parse_purge({"urls": [v], "keys": [v], "prefixes": [v]}), "http://a/", "/"),
    "a prefetch": (lambda v: parse_prefetch({"urls": [v]}), "http://a/", "/"),
    "a purge's URL": (media_key, "http://a/cdn/eu/film/", "/cdn/eu/film/", "a://"),
    "a purge's prefix": (media_prefix, "/t/a/cdn/eu/", "/"),
    "any purge's prefix": (general_prefix, "http://a/", "http://["),
    "hot titles": (lambda v: parse_hot({"hot": [{"title": v, "rendition": v}]}), "a"),
    "a licence": (lambda v: parse_licence({"allow": [v], "from": v}), "D"),
    "a path pattern": (parse_pattern, "/", "/a/**/", "*"),
    "a size": (parse_size, "1", "1."),
    "a duration": (parse_duration, "1", "1."),
    "an address": (parse_address, "a", "[::1]:"),
    "an upstream": (UPSTREAM.parse, "http://", "http://a#weight="),
    "a traceparent": (trace_id_of, "01-" + "a" * 32 + "-" + "b" * 16 + "-00-"),
    "a cursor": (decode_cursor, "", "WzEs"),
    "a guest's cookie": (lambda v: GATE.verify_cookie(v, 0.0), "guest-" + "a" * 32 + ".1"),
    "an API key": (lambda v: GATE.authenticate({"Authorization": v}, {}, 0.0), "Bearer "),
    "an access token": (lambda v: ACCESS_TOKENS.verify(v, 0.0), "eyJhbGciOiJFZERTQSJ9."),
    "a report of CMCD": (lambda v: remove_tokens(v.encode("utf-8", "replace")), "/t/eyJ"),
    "Host of a door": (host_name, "a:", "[", "http://"),
    "Origin": (lambda v: is_cross_site(Call("POST", ["a"], origin=v)), "http://", "http://["),
    "X-Forwarded-For of a service": (lambda v: viewer_address("192.0.2.1", [v], TRUSTED), "192.0.2.1,"),
    "a bitrate": (parse_bitrate, "1"),
    "a pathway": (lambda v: parse_player(None, v, manifest=None, whole=False), '"a,'),
    "an event": (lambda v: parse_row(("u", "c", "VIEW", v, v)), "1", "0."),
    "words of a query": (words, "a", "a'"),
    "words of a title": (index_text, "a", "a-", "a-b "),
    "a genre": (key, "a"),
    "trigrams": (trigrams, "a"),
    "a snippet": (lambda v: snippet(v, ["a"]), "a "),
    "a highlight": (lambda v: highlight(v, ["a"]), "a "),
    "the forms of a title": (forms, "the ", "and ", "two ", "x"),
    "a query with hints": (lambda v: (parse_query(v), read_hints(v, {"comedy"}, {})), "with ", "1990s ", "comedy "),
}  # fmt: skip

UNITS = [
    " ",
    "\t",
    ",",
    ";",
    "=",
    '"',
    '\\"',
    "\\",
    "(",
    ")",
    "[",
    "]",
    "{",
    "&",
    "/",
    "../",
    "%",
    "%41",
    ".",
    ":",
    "-",
    "0",
    "9",
    "a",
    "é",
    "\n",
    "\r\n",
    "\x00",
    "a,",
    "a=",
    '"a",',
    'a="b",',
    '",\\"',
    "a b",
    "a-b",
    "*",
    "?",
    "#",
    "<a>",
    '<a b="c"/>',
    '<S d="1"/>',
    "[1,",
    '{"a":',
    "/a",
    "v1/",
    "127.0.0.1,",
    "a:b\r\n",
    "1\r\na\r\n",
    "#EXTINF:1,\na\n",
    'A="b",',
    ";a=1",
    "(a) ",
    "'",
    "\\u0061",
    "Sun, ",
    'W/"a", ',
    "bytes=",
    "0-1,",
    "<Representation id='1'/>",
    "<SegmentURL/>",
]
ENDS = ("", '"')
SHORT, LONG = 64, 256
STEEPEST = 5.5
"""What four times the text may cost at most, as a factor: linear is 4, n log n below 5, quadratic 16."""


def steep(parse, head, made):
    """(unit, end, work, work over four times as much, …) of a repetition that costs more than its length.

    What is steep at first is looked at again at 16 and 64 times the length: a part that is bounded rises to its bound.
    """
    for unit in UNITS:
        for end in ENDS:
            short, long = (work_of(parse, made(head, unit, end, size)) for size in (SHORT, LONG))
            if long > STEEPEST * short + 200:
                longer, longest = (work_of(parse, made(head, unit, end, size * LONG)) for size in (4, 16))
                if longer > STEEPEST * long and (longest > STEEPEST * longer or longest >= MOST_STEPS):
                    return unit, end, short, long, longer, longest
    return None


def of_bytes(head, unit, end, size):
    return head + (unit * (size // len(unit)) + end).encode()


def of_text_made(head, unit, end, size):
    return head + unit * (size // len(unit)) + end


@pytest.fixture(autouse=True)
def counted(monkeypatch):
    count_patterns(monkeypatch)


@pytest.mark.parametrize("name", BYTES)
def test_a_parser_of_bytes_does_work_in_proportion_to_its_text(name):
    parse, *heads = BYTES[name]
    assert not [(head, found) for head in heads if (found := steep(parse, head, of_bytes)) is not None]


@pytest.mark.parametrize("name", TEXTS)
def test_a_parser_of_text_does_work_in_proportion_to_its_text(name):
    parse, *heads = TEXTS[name]
    assert not [(head, found) for head in heads if (found := steep(parse, head, of_text_made)) is not None]


def slicing(text):
    while text:
        text = text[1:]


def gathering(text):
    made = text[:0]
    for at in range(len(text)):
        made = made + text[at : at + 1]


def seeking(text):
    at = 0
    while at < len(text):
        text.find("\1", at)
        at += 1


@pytest.mark.parametrize("parse", [slicing, gathering, seeking])
def test_what_is_quadratic_is_found(parse):
    assert steep(parse, "a", of_text_made) is not None
