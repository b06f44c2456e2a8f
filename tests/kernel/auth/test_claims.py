"""What verified claims allow: ours and RFC 9246's; whatever cannot be checked is refused."""

import hashlib
import ipaddress
import math

import pytest

from kernel.auth.claims import ANYWHERE, Permit, is_scope, permit_of
from kernel.auth.signing_keys import encode_base64url
from kernel.vocabulary import Refusal

NOW = 1_800_000_000
OURS = {"iss": "matinee", "aud": "edge", "exp": NOW + 100, "mpath": "/cdn/eu/title1/"}
FOREIGN = {"exp": NOW + 100, "cdniuc": r"regex:/cdn/eu/title1/.*\.m4s"}
NONE = ...  # the claim is left out; its name in test ids is the same in every worker


def permit(base=OURS, **changes):
    claims = {name: value for name, value in (base | changes).items() if value is not NONE}
    return permit_of(claims, key_version="7", issuer="matinee", audience="edge")


def test_all_claims_reduce_to_a_permit():
    full = permit(nbf=NOW, iat=NOW, sid="s-1", country="DE", mtier="hd", ipnet="10.0.0.0/8", cdniv=1, sub="x", other={})
    assert full == Permit(
        prefix=b"/cdn/eu/title1/",
        not_before=float(NOW),
        expires=NOW + 100.0,
        session="s-1",
        country="DE",
        tier_lines=1080,
        network=ipaddress.ip_network("10.0.0.0/8"),
        key_version="7",
    )


BAD_MOMENTS = [None, "1", 1.5, 1.0, True, math.nan, math.inf, -1, 2**33, 10**400, [], {}]


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", BAD_MOMENTS, ids=lambda value: str(value)[:12])
def test_a_moment_is_a_sane_whole_number(name, value):
    assert permit(**{name: value}) is Refusal.TOKEN_CLAIMS


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NONE},
        {"iss": NONE}, {"iss": "other"}, {"iss": "matinee2"}, {"iss": "matine"}, {"iss": ["matinee"]}, {"iss": None},
        {"aud": NONE}, {"aud": "edges"}, {"aud": "edg"}, {"aud": ["edge"]}, {"aud": ["edge", "x"]}, {"aud": ""},
        {"mpath": NONE}, {"mpath": None}, {"mpath": 7}, {"mpath": ""}, {"mpath": "/"}, {"mpath": "/cdn"},
        {"mpath": "/cdn/eu/title1"}, {"mpath": "cdn/eu/title1/"}, {"mpath": "/cdn/eu/../x/"}, {"mpath": "/cdn//"},
        {"mpath": "/cdn/eu/%74itle1/"}, {"mpath": "/cdn/eu/title1/?/"}, {"mpath": "/cdn/é/"}, {"mpath": "/live/x/"},
        {"mpath": "/cdn/eu/title1%2f/"},
        {"cdniuc": "regex:.*"},
        {"sid": 7}, {"sid": ""}, {"sid": "a b"}, {"sid": "a\n"}, {"sid": "x" * 129}, {"sid": None},
        {"country": "de"}, {"country": "DEU"}, {"country": "D1"}, {"country": ["DE"]}, {"country": "ZZ"},
        {"mtier": "4k"}, {"mtier": "HD"}, {"mtier": 1080}, {"mtier": ["hd"]},
        {"ipnet": "10.0.0.1/8"}, {"ipnet": "everywhere"}, {"ipnet": 167772160}, {"ipnet": ""},
        {"cdniv": 2}, {"cdniv": 0}, {"cdniv": "1"}, {"cdniv": True}, {"cdniv": 1.0}, {"cdniv": None},
        {"jti": "n"}, {"jti": None}, {"cdniip": "eyJ.a.b.c.d"}, {"cdniip": "10.0.0.1"},
        {"cdnistt": 1}, {"cdnistt": 2}, {"cdnistt": "0"}, {"cdnistt": -1}, {"cdnistt": False},
        {"cdniets": "60"}, {"cdnistd": -1}, {"cdnistd": 1.5},
        {"cdnicrit": "x"}, {"cdnicrit": "exp,x"}, {"cdnicrit": "jti"}, {"cdnicrit": ""}, {"cdnicrit": ["exp"]},
        {"cdnicrit": "exp, nbf"}, {"cdnicrit": "nbf"},
    ],
    ids=str,
)  # fmt: skip
def test_a_claim_that_is_wrong_or_cannot_be_checked(changes):
    assert permit(**changes) is Refusal.TOKEN_CLAIMS


@pytest.mark.parametrize(
    "changes",
    [
     {"cdnistt": 0}, {"cdnistt": 0, "cdniets": 60, "cdnistd": 2}, {"cdnicrit": "exp,mpath"}, {"cdnicrit": "exp"},
     {"sub": 1}],
    ids=str,
)  # fmt: skip
def test_claims_that_limit_nothing_are_let_pass(changes):
    assert isinstance(permit(**changes), Permit)


@pytest.mark.parametrize(
    ("path", "now", "expected"),
    [
        (b"/cdn/eu/title1/v720/1.m4s", NOW, None),
        (b"/cdn/eu/title1/", NOW, None),
        (b"/cdn/eu/title10/v720/1.m4s", NOW, Refusal.SCOPE),
        (b"/cdn/eu/title1", NOW, Refusal.SCOPE),
        (b"/cdn/EU/title1/a", NOW, Refusal.SCOPE),
        (b"/cdn/us/title1/a", NOW, Refusal.SCOPE),
        (b"/x/cdn/eu/title1/a", NOW, Refusal.SCOPE),
        (b"/cdn/eu/title1/a", NOW + 99.999, None),
        (b"/cdn/eu/title1/a", NOW + 100, Refusal.TOKEN_EXPIRED),
        (b"/cdn/eu/title1/a", NOW - 0.001, Refusal.TOKEN_NOT_YET),
        (b"/cdn/eu/other/a", NOW + 100, Refusal.SCOPE),
    ],
)
def test_scope_by_whole_segments_and_times_without_leeway(path, now, expected):
    assert permit(nbf=NOW).allows(path, now) is expected


def test_a_token_issued_in_the_future_is_not_yet_valid():
    """`iat` may lie ahead by a minute, not more."""
    later = permit(iat=NOW + 61)
    assert later.allows(b"/cdn/eu/title1/a", NOW) is Refusal.TOKEN_NOT_YET
    assert later.allows(b"/cdn/eu/title1/a", NOW + 1) is None


@pytest.mark.parametrize("tier, lines", [("sd", 576), ("hd", 1080), ("uhd", 4320)])  # noqa: PT006
def test_tiers(tier, lines):
    assert permit(mtier=tier).tier_lines == lines


@pytest.mark.parametrize(
    ("container", "path", "origin", "allowed"),
    [
        (r"regex:/cdn/eu/title1/.*\.m4s", b"/cdn/eu/title1/v/1.m4s", b"", True),
        (r"regex:/cdn/eu/title1/.*\.m4s", b"/cdn/eu/title1/v/1.m4s.exe", b"", False),
        (r"regex:/cdn/eu/title1/.*\.m4s", b"/x/cdn/eu/title1/v/1.m4s", b"", False),
        (r"regex:title1", b"/cdn/eu/title1/a", b"", False),
        (r"regex:/a|/cdn/eu/x", b"/cdn/eu/xy", b"", False),
        (r"regex:https://e\.example/cdn/[a-z]{2}/t/.*", b"/cdn/eu/t/a", b"https://e.example", True),
        (r"regex:https://e\.example/cdn/[a-z]{2}/t/.*", b"/cdn/eu/t/a", b"https://e-example", False),
        (r"regex:https://e\.example/cdn/[a-z]{2}/t/.*", b"/cdn/eu/t/a", b"", False),
        (r"regex:(a*)*b", b"/" + b"a" * 5000, b"", False),
    ],
)
def test_a_foreign_expression_matches_in_full(container, path, origin, allowed):
    found = permit(FOREIGN, cdniuc=container)
    assert (found.allows(path, NOW, origin) is None) is allowed


def test_a_foreign_hash_names_one_uri():
    digest = encode_base64url(hashlib.sha256(b"https://h/cdn/eu/t/a").digest()).decode()
    found = permit(FOREIGN, cdniuc=f"hash:sha-256;{digest}")
    assert found.allows(b"/cdn/eu/t/a", NOW, b"https://h") is None
    assert found.allows(b"/cdn/eu/t/b", NOW, b"https://h") is Refusal.SCOPE
    assert found.allows(b"/cdn/eu/t/a", NOW) is Refusal.SCOPE
    assert found.allows(b"/cdn/eu/t/a", NOW + 100, b"https://h") is Refusal.TOKEN_EXPIRED


@pytest.mark.parametrize(
    "changes",
    [
        {"cdniuc": NONE}, {"cdniuc": None}, {"cdniuc": ""}, {"cdniuc": "regex:"}, {"cdniuc": "regex:("},
        {"cdniuc": "/cdn/"},
        {"cdniuc": "regex:" + "a" * 257}, {"cdniuc": "regex:(?=a)"}, {"cdniuc": r"regex:(a)\1"}, {"cdniuc": "regex:é"},
        {"cdniuc": "regex:((a{1,100}){1,100}){1,100}"}, {"cdniuc": "REGEX:.*"}, {"cdniuc": "uri:/cdn/"},
        {"cdniuc": "hash:sha-256;"}, {"cdniuc": "hash:sha-256;AAAA"}, {"cdniuc": "hash:md5;" + "A" * 43},
        {"cdniuc": "hash:sha-256;" + "A" * 44}, {"cdniuc": "hash:" + "A" * 43},
        {"iss": "their-cms"}, {"aud": "other"}, {"aud": ["edge"]}, {"exp": NONE},
    ],
    ids=str,
)  # fmt: skip
def test_a_foreign_token_that_cannot_be_checked(changes):
    assert permit(FOREIGN, **changes) is Refusal.TOKEN_CLAIMS


def test_a_foreign_token_may_name_us():
    assert isinstance(permit(FOREIGN, iss="matinee", aud="edge", cdnicrit="cdniuc,exp"), Permit)


def test_a_permit_cannot_be_changed():
    with pytest.raises(AttributeError):
        permit().expires = math.inf


def test_without_tokens_everything_may_be_asked_for():
    assert ANYWHERE.allows(b"/any", NOW) is None


def test_scopes():
    assert is_scope("/cdn/eu/title1/")
    assert is_scope("/cdn/eu/")
    assert not is_scope("/cdn/eu/title1")
