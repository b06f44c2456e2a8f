"""May this viewer have this path now? Every reason, in its order, and what is remembered of tokens."""

import dataclasses
import ipaddress

import pytest

from edge.policy.authorise import TokenMemo, authorise, authorise_request, max_height
from edge.policy.route import MEDIA, find_token, media_route, without_token
from edge.policy.rules import Rules
from edge.wire.request import Request
from edge.wire.viewer import Viewer
from kernel.auth.claims import ANYWHERE, Permit
from kernel.auth.signing_keys import NO_KEYS, KeySet, SigningKey, generate_ed25519_pem
from kernel.auth.token import mint
from kernel.http.paths import split_cdn
from kernel.vocabulary import Refusal
from tests.scenario.stage import Scenario

NOW = 1_800_000_000.0
KEY = SigningKey.from_pem(generate_ed25519_pem())
OTHER = SigningKey.from_pem(generate_ed25519_pem())
KEYS = KeySet.from_jwks({"keys": [KEY.public_jwk("k")]})
SEGMENT = b"/cdn/eu/title1/v720/00001.m4s"
GERMAN = Viewer("192.0.2.1", ipaddress.ip_address("192.0.2.1"), "DE")
RULES = Rules.parse(
    {
        "default": "deny",
        "titles": {"title1": {"allow": ["DE"]}, "open": {}, "closed": {"until": "2020-01-01T00:00:00Z"}},
        "revoked_sessions": ["gone", {"id": "back", "until": NOW}],
    }
)


def token(signer=KEY, **limits):
    return mint(signer, "k", **({"path": "/cdn/eu/title1/", "now": NOW, "ttl": 100} | limits)).encode()


def asked(path=SEGMENT, given=None, *, memo=None, viewer=GERMAN, now=NOW, rules=RULES, **more):
    given = token() if given is None else given
    return authorise(path, split_cdn(path), given, memo or TokenMemo(KEYS), rules, viewer, now, **more)


def test_a_good_token_in_the_right_country_is_permitted():
    permit = asked()
    assert isinstance(permit, Permit)
    assert permit.prefix == b"/cdn/eu/title1/"


FRENCH = dataclasses.replace(GERMAN, country="FR")
NOWHERE = dataclasses.replace(GERMAN, country=None)


@pytest.mark.parametrize(
    ("why", "arguments"),
    [
        (Refusal.TOKEN_MISSING, {"given": b""}),
        (Refusal.TOKEN_MALFORMED, {"given": b"x"}),
        (Refusal.TOKEN_SIGNATURE, {"given": token(OTHER)}),
        (Refusal.SCOPE, {"path": b"/cdn/eu/title10/v720/00001.m4s"}),
        (Refusal.SCOPE, {"path": b"/cdn/us/title1/v720/00001.m4s"}),
        (Refusal.TOKEN_EXPIRED, {"now": NOW + 100}),
        (Refusal.TOKEN_NOT_YET, {"now": NOW - 61}),
        (Refusal.TOKEN_REVOKED, {"given": token(session="gone")}),
        (Refusal.NETWORK, {"given": token(network="198.51.100.0/24")}),
        (Refusal.NETWORK, {"given": token(network="2001:db8::/32")}),
        (Refusal.NETWORK, {"given": token(network="192.0.2.0/24"), "viewer": Viewer("unix:", None, "DE")}),
        (Refusal.TIER, {"given": token(tier="sd")}),
        (Refusal.TIER, {"given": token(tier="hd"), "path": b"/cdn/eu/title1/v2160-3/1.m4s"}),
        (Refusal.TIER, {"given": token(tier="sd"), "path": b"/cdn/eu/title1/ts/v1080/00001.ts"}),
        (Refusal.TIER, {"given": token(tier="sd"), "path": b"/cdn/eu/title1/720_00001.ts"}),
        (Refusal.TIER, {"given": token(tier="sd"), "path": b"/cdn/eu/title1/v720-00001.ts"}),
        (Refusal.TIER, {"given": token(tier="hd"), "path": b"/cdn/eu/title1/v2160hdr-2/00001.m4s"}),
        (Refusal.REGION_UNKNOWN, {"regions": frozenset((b"us", b"ap"))}),
        (Refusal.COUNTRY, {"viewer": FRENCH}),
        (Refusal.COUNTRY, {"viewer": FRENCH, "given": token(country="DE")}),
        (Refusal.COUNTRY_UNKNOWN, {"viewer": NOWHERE}),
        (Refusal.COUNTRY, {"viewer": NOWHERE, "given": token(country="FR")}),
        (Refusal.COUNTRY, {"viewer": dataclasses.replace(NOWHERE, default_country="FR")}),
        (Refusal.COUNTRY, {"path": b"/cdn/eu/unlisted/a", "given": token(path="/cdn/eu/")}),
        (Refusal.WINDOW, {"path": b"/cdn/eu/closed/a", "given": token(path="/cdn/eu/")}),
    ],
)  # fmt: skip
def test_every_refusal(why, arguments):
    assert asked(**arguments) is why


@pytest.mark.parametrize(
    "arguments",
    [
        {"given": token(session="back")},
        {"given": token(session="other")},
        {"given": token(network="192.0.2.0/24")},
        {"given": token(tier="sd"), "path": b"/cdn/eu/title1/v480/1.m4s"},
        {"given": token(tier="sd"), "path": b"/cdn/eu/title1/audio-en/1.m4s"},
        {"given": token(tier="sd"), "path": b"/cdn/eu/title1/master.m3u8"},
        {"given": token(tier="uhd"), "path": b"/cdn/eu/title1/v2160/1.m4s"},
        {"regions": frozenset((b"eu",))},
        {"viewer": NOWHERE, "given": token(country="DE")},
        {"viewer": dataclasses.replace(NOWHERE, default_country="DE")},
        {"viewer": dataclasses.replace(NOWHERE, default_country="FR"), "given": token(country="DE")},
        {"viewer": NOWHERE, "path": b"/cdn/eu/open/a", "given": token(path="/cdn/eu/open/")},
        {"now": NOW + 99.9},
        {"now": NOW - 60},
    ],
)
def test_what_is_permitted(arguments):
    assert isinstance(asked(**arguments), Permit)


def test_the_token_comes_before_the_country_and_the_scope_before_the_times():
    """Somebody without a right learns nothing of licences: the first reason in the order is the answer."""
    assert asked(given=b"x", viewer=FRENCH) is Refusal.TOKEN_MALFORMED
    assert asked(viewer=FRENCH, now=NOW + 100) is Refusal.TOKEN_EXPIRED
    assert asked(path=b"/cdn/eu/other/a", now=NOW + 100) is Refusal.SCOPE
    assert asked(viewer=FRENCH, regions=frozenset((b"us",))) is Refusal.REGION_UNKNOWN


def test_an_edge_without_tokens_asks_for_none_but_for_the_country():
    cdn = split_cdn(SEGMENT)
    assert authorise(SEGMENT, cdn, None, None, RULES, GERMAN, NOW) is ANYWHERE
    assert authorise(SEGMENT, cdn, None, None, RULES, FRENCH, NOW) is Refusal.COUNTRY
    assert authorise(SEGMENT, cdn, b"junk", None, RULES, GERMAN, NOW) is ANYWHERE


def test_a_remembered_token_is_checked_again_in_all_that_changes():
    memo, given = TokenMemo(KEYS), token(session="s")
    assert isinstance(asked(given=given, memo=memo), Permit)
    assert given in memo.permits
    assert asked(given=given, memo=memo, now=NOW + 100) is Refusal.TOKEN_EXPIRED
    assert asked(given=given, memo=memo, viewer=FRENCH) is Refusal.COUNTRY
    assert asked(given=given, memo=memo, path=b"/cdn/eu/title2/a") is Refusal.SCOPE
    revoking = Rules.parse({"revoked_sessions": ["s"]})
    assert asked(given=given, memo=memo, rules=revoking) is Refusal.TOKEN_REVOKED


def test_new_keys_empty_the_memo_and_the_same_keys_do_not():
    memo, given = TokenMemo(KEYS), token()
    permit = memo.permit(given)
    memo.use_keys(KeySet.from_jwks({"keys": [KEY.public_jwk("k")]}))
    assert memo.permit(given) is permit
    memo.use_keys(KeySet.from_jwks({"keys": [OTHER.public_jwk("k")]}))
    assert memo.permit(given) is Refusal.TOKEN_SIGNATURE
    memo.use_keys(KEYS)
    assert isinstance(memo.permit(given), Permit)
    memo.use_keys(NO_KEYS)
    assert memo.permit(given) is Refusal.TOKEN_KEY
    assert memo.keys is NO_KEYS


def test_a_flood_of_bad_tokens_pushes_out_no_good_one():
    memo, given = TokenMemo(KEYS, 2, refused_capacity=4), token()
    permit = memo.permit(given)
    for number in range(20):
        assert memo.permit(token(OTHER, session=f"s{number}")) is Refusal.TOKEN_SIGNATURE
        memo.permit(b"junk%d" % number)
    assert memo.permits == {given: permit}


def test_the_memo_is_bounded_and_the_oldest_leaves_first():
    memo = TokenMemo(KEYS, 2)
    tokens = [token(session=f"s{number}") for number in range(3)]
    assert all(isinstance(memo.permit(each), Permit) for each in tokens)
    assert list(memo.permits) == tokens[1:]


def test_a_refused_token_is_answered_from_memory():
    memo, bad = TokenMemo(KEYS), token(OTHER)
    assert memo.permit(bad) is Refusal.TOKEN_SIGNATURE
    assert memo.permit(bad) is Refusal.TOKEN_SIGNATURE


@pytest.mark.parametrize(
    ("folder", "lines"),
    [
        (b"v720", 720),
        (b"v2160-12", 2160),
        (b"ts/v480", 480),
        (b"v240/v1080", 1080),
        (b"", 0),
        (b"audio", 0),
        (b"\xff", 0),
    ],
)
def test_the_tallest_rendition_that_a_folder_names(folder, lines):
    assert max_height(folder) == lines


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ((None,), None),
        ((b"p",), b"p"),
        ((None, b"URISigningPackage=q"), b"q"),
        ((None, b"a=1&token=q&b"), b"q"),
        ((None, b"token="), b""),
        ((None, b"token"), None),
        ((None, b"mytoken=q&Token=q"), None),
        ((None, b"", b"a=1; URISigningPackage=c; b=2"), b"c"),
        ((None, b"", b"token=c"), None),
        ((None, b"", b""), None),
        ((None, b"", None, b"Bearer h"), b"h"),
        ((None, b"", None, b"bearer  h"), b"h"),
        ((None, b"", None, b"Basic h"), None),
        ((None, b"", None, b""), None),
        ((b"p", b"CMCD=x", b"a=1", b"Basic x"), b"p"),
        ((b"p", b"token=p"), Refusal.TOKEN_MALFORMED),
        ((b"p", b"", b"URISigningPackage=p"), Refusal.TOKEN_MALFORMED),
        ((b"p", b"", None, b"Bearer p"), Refusal.TOKEN_MALFORMED),
        ((None, b"token=q&URISigningPackage=q"), Refusal.TOKEN_MALFORMED),
        ((None, b"token=q&token=q"), Refusal.TOKEN_MALFORMED),
        ((None, b"token=q", b"URISigningPackage=c"), Refusal.TOKEN_MALFORMED),
        ((None, b"", b"URISigningPackage=c;URISigningPackage=d"), Refusal.TOKEN_MALFORMED),
        ((None, b"", b"URISigningPackage=c", b"Bearer h"), Refusal.TOKEN_MALFORMED),
    ],
)
def test_one_token_is_found_wherever_it_is_and_two_are_refused(arguments, found):
    assert find_token(*arguments) == found


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (b"", b""),
        (b"token=x", b""),
        (b"a=1&token=x&b=2", b"a=1&b=2"),
        (b"URISigningPackage=x&a", b"a"),
        (b"mytoken=1", b"mytoken=1"),
        (b"token&a=1", b"a=1"),
    ],
)
def test_the_token_leaves_the_query(query, left):
    assert without_token(query) == left


async def test_a_token_for_the_title_is_needed_and_enough(tcp: Scenario) -> None:
    """A token for the title opens it; one for another title does not; none does not."""
    e1 = tcp.edge("e1", upstream=tcp.library("o1"), tokens="required")
    await e1.started()
    assert e1.edge is not None
    routed = media_route(Request(b"GET", b"/cdn/eu/film/v720/1.m4s", {}, 1, keep_alive=True), MEDIA)
    assert not isinstance(routed, Refusal)
    verdicts = [
        authorise_request(
            routed._replace(token=token and token.encode()), Viewer("127.0.0.1"), e1.edge.node, tcp.clock.wall()
        )
        for token in (tcp.token("/cdn/eu/film/"), tcp.token("/cdn/eu/other/"), None)
    ]
    assert isinstance(verdicts[0], Permit)
    assert verdicts[1:] == [Refusal.SCOPE, Refusal.TOKEN_MISSING]
