"""What a shared cache may keep and for how long (RFC 9111 §3, §4.2; RFC 5861; RFC 9213)."""

from dataclasses import replace

import pytest

from kernel.fetch_reasons import NotStorable
from kernel.http.dates import format_date
from kernel.http.freshness import GENERAL, HEURISTIC_STATUSES, MEDIA, assess, initial_age

NOW = 1_790_000_000.0
DAY = 86400


def at(offset):
    return format_date(NOW + offset)


def judged(*fields, status=200, method=b"GET", request=None, policy=GENERAL, delay=0.0):
    """The verdict on a response that arrived NOW; `fields` as (name, value) or a Cache-Control value."""
    pairs = [(b"cache-control", one) if isinstance(one, bytes) else one for one in fields]
    return assess(method, request or {}, status, pairs, policy, request_wall=NOW - delay, response_wall=NOW)


def fresh_for(*fields, **more):
    """Seconds of freshness left on arrival; None when it is not kept, below 0 counts as 0."""
    verdict = judged(*fields, **more)
    return max(0.0, verdict.lifetime - verdict.age) if verdict.keeps else None


DATE = (b"date", at(0))


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ([b"max-age=3600"], 3600),
        ([b"max-age=0"], 0),
        ([b"max-age=-3600"], 0),
        ([b"max-age=abc"], 0),
        ([b"max-age=3600, max-age=1"], 3600),
        ([b"max-age=1, max-age=3600"], 1),
        ([b'max-age="3600"'], 3600),
        ([b"max-age=003600"], 3600),
        ([b"max-age=3600.0"], 0),
        ([b"max-age =3600", (b"last-modified", at(-1000 * DAY))], 0),
        ([b"max-age= 3600", (b"last-modified", at(-1000 * DAY))], 0),
        ([b"s-maxage=3600"], 3600),
        ([b"max-age=3600, s-maxage=1"], 1),
        ([b"s-maxage=1", b"max-age=3600"], 1),
        ([b"max-age=0, s-maxage=3600", (b"expires", at(-10))], 3600),
        ([b"s-maxage=junk, max-age=3600"], 0),
        ([b"max-age=3600", (b"expires", at(-7200)), DATE], 3600),
        ([b"max-age=3600", (b"expires", b"0"), DATE], 3600),
        ([b"max-age=0", (b"expires", at(3600)), DATE], 0),
        ([(b"expires", at(30 * DAY)), DATE], 30 * DAY),
        ([(b"expires", at(100))], 100),
        ([(b"expires", at(0)), DATE], 0),
        ([(b"expires", at(-DAY)), DATE], 0),
        ([(b"expires", at(300)), (b"date", at(400))], 0),
        ([(b"expires", at(10)), (b"date", b"foo")], 10),
        ([(b"expires", b"0"), DATE], 0),
        ([(b"expires", b""), DATE], 0),
        ([(b"expires", at(100)), (b"expires", at(101)), DATE], 0),
        ([(b"expires", at(100)), (b"expires", at(100)), DATE], 100),
        ([(b"expires", at(20)), (b"date", at(10)), (b"age", b"15")], 0),
        ([(b"expires", at(10)), (b"date", at(-10)), (b"age", b"25")], 0),
        ([(b"expires", b"Sun, 21 Nov 2286 04:46:39 GMT"), DATE], 8_210_039_599),
        ([b"no-cache, max-age=100"], 0),
        ([b'no-cache="a", max-age=100'], 100),
        ([b"max-age=3600", DATE, (b"age", b"7200")], 0),
        ([b"max-age=3600", (b"date", at(-7200))], 0),
        ([b"max-age=99999999999", (b"age", b"99999999999")], 0),
        ([b"max-age=99999999999"], 2**31),
    ],
)
def test_freshness_from_every_source(fields, left):
    """§4.2.1: s-maxage, max-age, Expires minus Date, in this order; what is invalid is stale."""
    assert fresh_for(*fields) == left


@pytest.mark.parametrize(
    ("fields", "age"),
    [
        ([], 0),
        ([(b"age", b"30")], 30),
        ([(b"age", b"030")], 30),
        ([(b"age", b"0" * 30 + b"30")], 30),
        ([(b"age", b"abc")], 0),
        ([(b"age", b"-7200")], 0),
        ([(b"age", b"7200.0")], 0),
        ([(b"age", b'"30"')], 0),
        ([(b"age", b"")], 0),
        ([(b"age", b"7200,0")], 7200),
        ([(b"age", b"0,7200")], 0),
        ([(b"age", b"7200"), (b"age", b"0")], 7200),
        ([(b"age", b"0"), (b"age", b"7200")], 0),
        ([(b"age", b"2147483648")], 2**31),
        ([(b"age", b"9" * 5000)], 2**31),
        ([(b"date", at(-50))], 50),
        ([(b"date", at(50))], 0),
        ([(b"date", at(-50)), (b"age", b"20")], 50),
        ([(b"date", at(-20)), (b"age", b"50")], 50),
        ([(b"date", b"foo"), (b"age", b"5")], 5),
    ],
)
def test_age_arithmetic(fields, age):
    """§4.2.3, §5.1: the larger of what Date and Age say; of several values the first, an invalid one is none."""
    assert initial_age(fields, request_wall=NOW, response_wall=NOW) == age


def test_the_time_on_the_way_counts_into_age():
    """§4.2.3: the response delay adds to Age, not to the age by Date; a clock that stepped back adds nothing."""
    fields = [(b"age", b"10"), (b"date", at(-12))]
    assert initial_age(fields, request_wall=NOW - 5, response_wall=NOW) == 15
    assert initial_age(fields, request_wall=NOW - 1, response_wall=NOW) == 12
    assert initial_age(fields, request_wall=NOW + 99, response_wall=NOW) == 12


@pytest.mark.parametrize("status", [*range(200, 600, 1)])
def test_heuristics_by_status(status):
    """§4.2.2 and RFC 9110 §15.1: only what is cacheable by default, or marked public."""
    if status == 304:
        return
    fields = [(b"last-modified", at(-DAY)), DATE]
    assert fresh_for(*fields, status=status) == (DAY / 10 if status in HEURISTIC_STATUSES else None)
    assert fresh_for(*fields, b"public", status=status) == DAY / 10


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ([(b"last-modified", at(-1000)), DATE], 100),
        ([(b"last-modified", at(-1000))], 100),
        ([(b"last-modified", at(-1000)), (b"date", at(-500))], 0),
        ([(b"last-modified", at(-1000 * DAY)), DATE], DAY),
        ([(b"last-modified", at(1000)), DATE], 0),
        ([(b"last-modified", b"foo"), DATE], 0),
        ([], 0),
        ([b"no-cache", (b"last-modified", at(-1000))], 0),
    ],
)
def test_heuristics_are_a_tenth_of_the_time_since_the_change(fields, left):
    """§4.2.2: at most a day; without Last-Modified nothing."""
    assert fresh_for(*fields) == left


def test_no_cache_lets_a_response_of_any_status_be_kept_for_revalidation():
    """§5.2.2.4."""
    assert fresh_for(b"no-cache", (b"etag", b'"x"'), status=302) == 0
    assert fresh_for((b"etag", b'"x"'), status=302) is None


@pytest.mark.parametrize(
    ("directives", "status", "why"),
    [
        (b"max-age=9", 200, None),
        (b"no-store, max-age=9", 200, NotStorable.NO_STORE),
        (b"private, max-age=9", 200, NotStorable.PRIVATE),
        (b'private="a", max-age=9', 200, None),
        (b'private="a", private, max-age=9', 200, NotStorable.PRIVATE),
        (b"no-store, must-understand, max-age=9", 200, None),
        (b"no-store, must-understand, max-age=9", 599, NotStorable.MUST_UNDERSTAND),
        (b"must-understand, max-age=9", 299, NotStorable.MUST_UNDERSTAND),
        (b"max-age=9", 199, NotStorable.STATUS),
        (b"max-age=9", 304, NotStorable.STATUS),
        (b"max-age=9", 599, None),
        (b"max-age=9", 206, None),
        (b"", 302, NotStorable.NO_FRESHNESS),
    ],
)
def test_what_may_be_stored(directives, status, why):
    """§3, §5.2.2.3, §5.2.2.5, §5.2.2.7."""
    assert judged(directives, status=status).why == why


@pytest.mark.parametrize(
    "status", [200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 599]
)
def test_any_final_status_with_explicit_freshness(status):
    """§3: the status is final; the general profile keeps all of them."""
    assert fresh_for(b"max-age=60", status=status) == 60


@pytest.mark.parametrize(
    ("method", "why"),
    [(b"GET", None), (b"HEAD", None), (b"POST", NotStorable.METHOD), (b"OPTIONS", NotStorable.METHOD)],
)
def test_only_get_and_head(method, why):
    """§3: the method is understood."""
    assert judged(b"max-age=9", method=method).why == why


@pytest.mark.parametrize(
    ("directives", "why"),
    [
        (b"max-age=9", NotStorable.AUTHORIZATION),
        (b"max-age=9, public", None),
        (b"max-age=9, must-revalidate", None),
        (b"s-maxage=9", None),
        (b"max-age=9, proxy-revalidate", NotStorable.AUTHORIZATION),
        (b"max-age=9, immutable", NotStorable.AUTHORIZATION),
    ],
)
def test_answers_to_authorization(directives, why):
    """§3.5."""
    assert judged(directives, request={b"authorization": b"x"}).why == why


def test_a_request_may_forbid_storing():
    """§5.2.1.5."""
    assert judged(b"max-age=9", request={b"cache-control": b"No-Store"}).why is NotStorable.REQUEST_NO_STORE
    assert judged(b"max-age=9", request={b"cache-control": b"no-cache, max-age=0"}).why is None


@pytest.mark.parametrize(
    "lines", [[b"*"], [b"*, *"], [b"*", b"*"], [b", *"], [b"", b"*"], [b"*, Foo"], [b"Foo, *"], [b"Foo", b" * "]]
)
def test_vary_star_is_for_one_request(lines):
    """§4.1."""
    assert judged(b"max-age=9", *[(b"vary", line) for line in lines]).why is NotStorable.VARY_ALL
    assert judged(b"max-age=9", (b"vary", b"Foo, X-*")).why is None


@pytest.mark.parametrize(
    ("directives", "swr", "sie", "must"),
    [
        (b"max-age=1", 7, 9, False),
        (b"max-age=1, stale-while-revalidate=20, stale-if-error=30", 20, 30, False),
        (b"max-age=1, stale-while-revalidate=0", 0, 9, False),
        (b"max-age=1, stale-while-revalidate=x, stale-if-error", 0, 0, False),
        (b"max-age=1, stale-if-error=30, must-revalidate", 0, 0, True),
        (b"max-age=1, stale-if-error=30, proxy-revalidate", 0, 0, True),
        (b"s-maxage=1, stale-if-error=30", 0, 0, True),
        (b"max-age=1, stale-if-error=30, no-cache", 0, 0, True),
        (b'max-age=1, stale-if-error=30, no-cache="a"', 7, 30, False),
    ],
)
def test_windows_of_staleness(directives, swr, sie, must):
    """RFC 5861; RFC 9111 §4.2.4: the response's own word, the operator's where it is silent, none where forbidden."""
    policy = replace(GENERAL, stale_while_revalidate=7, stale_if_error=9)
    verdict = judged(directives, policy=policy)
    assert (verdict.swr, verdict.sie, verdict.must_revalidate) == (swr, sie, must)


@pytest.mark.parametrize(
    ("directives", "named"),
    [
        (b"max-age=1", set()),
        (b"no-cache, private", set()),
        (b'no-cache="A, b", max-age=1', {b"a", b"b"}),
        (b'private="Set-Cookie", no-cache=x', {b"set-cookie", b"x"}),
        (b'no-cache=" , a ,"', {b"a"}),
    ],
)
def test_fields_that_are_not_stored(directives, named):
    """§5.2.2.4, §5.2.2.7; and a cookie, by our own word (§7.3)."""
    assert judged(directives).unstored_fields == named | {b"set-cookie"}


def cdn(value):
    return (b"cdn-cache-control", value)


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ([cdn(b"max-age=3600")], 3600),
        ([cdn(b"max-age=99999999999")], 2**31),
        ([cdn(b"max-age=3600"), b"max-age=1"], 3600),
        ([cdn(b"max-age=1"), b"max-age=3600"], 1),
        ([cdn(b"max-age=0"), (b"expires", at(10000)), DATE], 0),
        ([cdn(b"max-age=3600"), (b"expires", at(-10000)), DATE], 3600),
        ([cdn(b"max-age=3600"), (b"age", b"7200"), DATE], 0),
        ([cdn(b"max-age=3600"), b"no-store"], 3600),
        ([cdn(b"max-age=3600"), b"private"], 3600),
        ([cdn(b"no-store"), b"max-age=3600"], None),
        ([cdn(b"private"), b"max-age=3600"], None),
        ([cdn(b"no-cache"), b"max-age=3600"], 0),
        ([cdn(b"foo"), b"max-age=3600", (b"expires", at(99)), (b"last-modified", at(-1000)), DATE], 100),
        ([cdn(b"foo"), b"max-age=3600", (b"expires", at(99)), DATE], 0),
        ([cdn(b"foo=?0"), b"max-age=3600"], 0),
        ([cdn(b'max-age="10000"'), b"no-store"], None),
        ([cdn(b"max-age=10000, &&&&&"), b"no-store"], None),
        ([cdn(b"max-age = 100"), b"max-age=1"], 1),
        ([cdn(b""), b"max-age=60"], 60),
        ([cdn(b'max-age="10000"'), (b"expires", at(50)), DATE], 50),
    ],
)
def test_the_targeted_field_speaks_alone_or_not_at_all(fields, left):
    """RFC 9213 §2.2: a valid one puts Cache-Control and Expires aside, an invalid one is not there."""
    assert fresh_for(*fields) == left


def test_fields_named_in_a_targeted_field():
    """RFC 9213 §2.1: the string's quotes are no part of the names."""
    assert judged(cdn(b'max-age=9, private="set-cookie, X"')).unstored_fields == {b"set-cookie", b"x"}


@pytest.mark.parametrize(
    ("fields", "status", "left"),
    [
        ([b"max-age=60"], 200, 60),
        ([b"max-age=60"], 206, 60),
        ([b"max-age=60"], 301, 60),
        ([b"max-age=60"], 308, 60),
        ([], 301, None),
        ([(b"last-modified", at(-DAY)), DATE], 308, None),
        ([b"max-age=60"], 302, None),
        ([b"max-age=60"], 400, None),
        ([b"max-age=60"], 500, None),
        ([], 404, 3),
        ([b"max-age=60"], 404, 3),
        ([b"max-age=1"], 410, 1),
        ([(b"expires", at(60)), DATE], 410, 3),
        ([b"no-store"], 404, None),
        ([], 200, None),
        ([(b"last-modified", at(-DAY)), DATE], 200, None),
        ([b"public"], 200, 0),
        ([b"no-cache"], 200, 0),
        ([b"max-age=60", (b"set-cookie", b"a=b")], 200, None),
    ],
)
def test_the_media_profile(fields, status, left):
    """Only whole and partial films, refusals of the origin for seconds, nothing by guess, nothing with a cookie."""
    assert fresh_for(*fields, status=status, policy=MEDIA) == left


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ([b"max-age=60"], 60),
        ([b"s-maxage=60"], 60),
        ([(b"expires", at(60)), DATE], 60),
        ([b"public", (b"last-modified", at(-1000)), DATE], 100),
        ([b"no-cache"], 0),
        ([b'no-cache="set-cookie", max-age=60'], 60),
        ([(b"last-modified", at(-1000)), DATE], None),
        ([(b"etag", b'"a"')], None),
    ],
)
def test_the_general_profile_keeps_cookies_where_the_origin_says_so(fields, left):
    """§7.3: Set-Cookie forbids nothing; but by a mere guess (§4.2.2: MAY) nobody gets another's."""
    assert fresh_for(*fields, (b"set-cookie", b"a=b")) == left


def test_a_default_for_silent_responses():
    """The operator's setting: only where the response says nothing, and only for 200."""
    policy = replace(MEDIA, default=30)
    assert fresh_for(policy=policy) == 30
    assert fresh_for(b"max-age=5", policy=policy) == 5
    assert fresh_for(b"no-cache", policy=policy) == 0
    assert fresh_for(policy=policy, status=206) is None
    assert fresh_for(b"no-store", policy=policy) is None
