"""What is known of a stored response."""

import pytest

from cache.entry import OBJECT_OVERHEAD_BYTES, Entry, PreparedHead, normalised
from kernel.clock import Instant
from kernel.errors import Bug
from kernel.fetch_reasons import NotStorable
from kernel.http.freshness import Verdict
from tests.cache.workbench import now_of, response
from tests.doubles.clock import FakeClock


def verdict(**more):
    return Verdict(
        **{"why": None, "age": 0.0, "lifetime": 60.0, "swr": 0.0, "sie": 0.0, "must_revalidate": False, **more}
    )


@pytest.fixture
def clock():
    return FakeClock()


def test_what_is_stored_of_the_fields(clock):
    """RFC 9111 §3.1: end-to-end ones; Age, Content-Length and the like are made anew."""
    fields = [
        (b"connection", b"a"), (b"a", b"1"), (b"b", b"2"), (b"keep-alive", b"x"), (b"age", b"5"),
        (b"set-cookie", b"c=1"), (b"set-cookie", b"d=2"),
        (b"content-length", b"9"), (b"cache-status", b"s1; hit"), (b"cdn-loop", b"s1"),
    ]  # fmt: skip
    made = response(clock, b"/k", *fields, (b"cache-status", b"s2; hit"))
    assert made.fields == [
        (b"cache-control", b"max-age=60"), (b"b", b"2"), (b"set-cookie", b"c=1"), (b"set-cookie", b"d=2"),
    ]  # fmt: skip
    assert made.block == b"Cache-Control: max-age=60\r\nB: 2\r\nSet-Cookie: c=1\r\nSet-Cookie: d=2\r\n"
    assert made.upstream_status == b"s1; hit, s2; hit"


def test_what_is_read_out_of_the_fields(clock):
    made = response(
        clock,
        b"/k",
        (b"etag", b'"x"'),
        (b"last-modified", b"then"),
        (b"surrogate-key", b"a b"),
        (b"surrogate-key", b"c a"),
    )
    assert (made.etag, made.last_modified, made.surrogates) == (b'"x"', b"then", (b"a", b"b", b"c"))
    bare = response(clock, b"/k")
    assert (bare.etag, bare.last_modified, bare.surrogates, bare.upstream_status) == (None, None, (), None)


def test_times_count_from_birth(clock):
    made = response(clock, b"/k", (b"age", b"20"), cc=b"max-age=60, stale-while-revalidate=5, stale-if-error=7")
    now = clock.mono()
    assert (made.born, made.fresh_until, made.swr_until, made.sie_until) == (now - 20, now + 40, now + 45, now + 47)
    assert not made.must_revalidate


@pytest.mark.parametrize(
    ("vary", "stored", "asked", "same"),
    [
        ([b"Foo"], {b"foo": b"1"}, {b"foo": b"1"}, True),
        ([b"Foo"], {b"foo": b"1"}, {b"foo": b"2"}, False),
        ([b"Foo"], {b"foo": b"1"}, {}, False),
        ([b"Foo"], {}, {b"foo": b"1"}, False),
        ([b"Foo"], {}, {b"foo": b""}, False),
        ([b"Foo"], {}, {}, True),
        ([b"FOO", b"bar, foo"], {b"foo": b"1", b"bar": b"a"}, {b"bar": b"a", b"foo": b"1", b"x": b"y"}, True),
        ([b"Foo, Bar"], {b"foo": b"1", b"bar": b"a"}, {b"foo": b"1", b"bar": b"b"}, False),
        ([b"Foo, Bar"], {b"foo": b"1"}, {b"foo": b"1"}, True),
        ([b", ,Foo"], {b"foo": b"1, 2"}, {b"foo": b"1,2"}, True),
        ([b"Foo"], {b"foo": b"1 , 2"}, {b"foo": b"2, 1"}, False),
        ([b"Foo"], {b"foo": b"a"}, {b"foo": b"A"}, False),
        ([b"Accept-Language"], {b"accept-language": b"en, de"}, {b"accept-language": b"eN ,  De"}, True),
        ([b"Accept-Language"], {b"accept-language": b"en, de"}, {b"accept-language": b"de, en"}, False),
        ([b"Accept-Encoding"], {b"accept-encoding": b"gzip"}, {b"accept-encoding": b"GZIP"}, True),
        ([], {b"foo": b"1"}, {b"foo": b"2"}, True),
    ],
)
def test_vary(clock, vary, stored, asked, same):
    """RFC 9111 §4.1: all named fields, absent in both or the same after normalisation."""
    made = response(clock, b"/k", *[(b"vary", line) for line in vary], request=stored)
    assert made.matches(asked) is same
    assert made.matches(stored)


def test_normalised():
    assert normalised(b"foo", None) is None
    assert normalised(b"foo", b" a ") == b" a "
    assert normalised(b"foo", b" a ,\tb,") == b"a,b,"


def test_a_304_replaces_the_fields_it_brings(clock):
    """RFC 9111 §3.2, §4.3.4."""
    made = response(clock, b"/k", (b"a", b"1"), (b"b", b"2"), (b"b", b"3"), (b"content-type", b"video/mp4"), length=5)
    made.prepared = PreparedHead(b"", 17.0, -1, b"")
    news = [
        (b"cache-control", b"max-age=9"), (b"b", b"4"), (b"c", b"5"), (b"content-type", b"x"),
        (b"content-length", b"0"), (b"content-encoding", b"x"),
        (b"content-range", b"x"), (b"connection", b"d"), (b"d", b"6"), (b"age", b"3"),
    ]  # fmt: skip
    made.freshen(news, verdict(lifetime=9.0), 2000.0)
    assert made.fields == [
        (b"a", b"1"), (b"cache-control", b"max-age=9"), (b"b", b"4"), (b"c", b"5"), (b"content-type", b"x"),
    ]  # fmt: skip
    assert (made.born, made.fresh_until, made.length, made.prepared) == (2000.0, 2009.0, 5, None)


def test_a_304_stores_no_field_that_may_not_be_stored(clock):
    """RFC 9111 §3.2, §5.2.2.4: what no-cache="…" names goes out, old and new."""
    made = response(clock, b"/k", (b"set-cookie", b"old"), (b"a", b"1"))
    news = [(b"set-cookie", b"new"), (b"a", b"2")]
    made.freshen(news, verdict(unstored_fields=frozenset((b"set-cookie",))), 0.0)
    assert made.fields == [(b"cache-control", b"max-age=60"), (b"a", b"2")]


def test_a_304_that_forbids_to_keep_it_leaves_it_stale(clock):
    """It may be handed to those who waited; nobody else gets it unasked."""
    made = response(clock, b"/k")
    made.freshen(
        [(b"cache-control", b"no-store, max-age=60")], verdict(why=NotStorable.NO_STORE, swr=5.0, sie=7.0), 2000.0
    )
    assert (made.fresh_until, made.swr_until, made.sie_until) == (2000.0, 2005.0, 2007.0)


@pytest.mark.parametrize(
    ("cc", "at", "until"),
    [
        (b"max-age=60", 10, (10, 10, 10)),
        (b"max-age=60, stale-while-revalidate=5, stale-if-error=7", 10, (10, 15, 17)),
        (b"max-age=60, must-revalidate", 10, (10, 10, 10)),
        (b"max-age=60, stale-while-revalidate=5, stale-if-error=7", 62, (60, 65, 67)),
    ],
)
def test_made_stale_early_its_windows_move_with_it(clock, cc, at, until):
    """A soft purge gives no leave that the response did not give (RFC 9111 §4.2.4)."""
    made, born = response(clock, b"/k", cc=cc), clock.mono()
    made.make_stale(born + at)
    assert tuple(one - born for one in (made.fresh_until, made.swr_until, made.sie_until)) == until


def test_cost_counts_all_that_an_object_takes():
    made = Entry(b"/key", 200, [(b"a", b"b")], 100)
    assert made.cost == 100 + len(b"A: b\r\n") + 4 + OBJECT_OVERHEAD_BYTES
    assert Entry(b"/key", 200, [], None).cost == 4 + OBJECT_OVERHEAD_BYTES


@pytest.mark.parametrize(("later", "age"), [(0, 20), (30, 50), (-3600, 20)])
def test_through_disk_and_back(clock, later, age):
    """Times travel as wall; a wall clock that stepped back makes nothing younger than it was."""
    made = response(
        clock, b"/k", (b"age", b"20"), (b"vary", b"foo, bar"), (b"surrogate-key", b"a"), (b"cache-status", b"s1; hit"),
        cc=b"max-age=60, stale-while-revalidate=5, stale-if-error=7", request={b"foo": b"1"}, length=3,
    )  # fmt: skip
    head = made.to_disk(now_of(clock))
    back = Entry.from_disk(head, Instant(clock.wall() + later, 5.0))
    assert back.cold
    back.load_head(head)
    assert (5.0 - back.born, back.fresh_until - 5.0) == (pytest.approx(age), pytest.approx(60 - age))
    assert (back.swr_until - back.fresh_until, back.sie_until - back.fresh_until) == (
        pytest.approx(5),
        pytest.approx(7),
    )
    for name in (
        "key",
        "status",
        "fields",
        "block",
        "vary",
        "surrogates",
        "length",
        "upstream_status",
        "must_revalidate",
    ):
        assert getattr(back, name) == getattr(made, name)
    assert back.body is back.disk is None


def test_a_bare_one_through_disk(clock):
    made = response(clock, b"/k", cc=b"s-maxage=5", length=0)
    back = Entry.from_disk(made.to_disk(now_of(clock)), now_of(clock))
    back.load_head(made.to_disk(now_of(clock)))
    assert back.upstream_status is None
    assert back.vary == ()
    assert back.must_revalidate


@pytest.mark.parametrize(
    "name", ["key", "status", "length", "vary", "surrogates", "written", "age", "fresh", "windows", "slice", "mark"]
)
def test_a_head_that_lacks_something_is_not_ours(clock, name):
    head = response(clock, b"/k", length=1).to_disk(now_of(clock))
    del head[name]
    with pytest.raises(KeyError):
        Entry.from_disk(head, now_of(clock))


@pytest.mark.parametrize("name", ["fields", "via"])
def test_a_head_that_lacks_what_was_told_warms_nothing(clock, name):
    made = response(clock, b"/k", length=1)
    head = made.to_disk(now_of(clock))
    del head[name]
    made.release_head()
    with pytest.raises(KeyError):
        made.load_head(head)
    assert made.cold


def test_cold_it_knows_what_looking_up_asks_and_no_more(clock):
    made = response(clock, b"/k", (b"vary", b"foo"), (b"surrogate-key", b"a b"), (b"etag", b'"1"'), length=3)
    times, cost = (made.born, made.fresh_until, made.swr_until, made.sie_until), made.cost
    made.prepared = PreparedHead(b"", 17.0, -1, b"")
    made.release_head()
    assert made.cold
    assert (made.born, made.fresh_until, made.swr_until, made.sie_until) == times
    assert (made.vary, made.surrogates, made.prepared) == (((b"foo", None),), (b"a", b"b"), None)
    assert made.cost < cost
    with pytest.raises(Bug, match="load it first"):
        assert made.etag


def test_what_entries_have_alike_they_share(clock):
    one, two = (response(clock, key, (b"vary", b"foo"), (b"surrogate-key", b"a b")) for key in (b"/1", b"/2"))
    assert one.surrogates is two.surrogates
    assert one.windows is two.windows
    assert one.vary is two.vary


def test_the_whole_of_an_object_in_slices_costs_what_its_head_takes(clock):
    made = response(clock, b"/k", length=1 << 30)
    made.slice = 1 << 20
    assert made.cost < 1000


def test_what_is_made_stale_looks_stale_to_caches_behind_us(clock):
    """Its age is at least its lifetime; made stale again, it gets no older (RFC 9111 §4.2.3)."""
    made, now = response(clock, b"/k", cc=b"max-age=60"), clock.mono()
    made.make_stale(now + 4)
    assert (now + 4 - made.born, made.fresh_until) == (60.0, now + 4)
    made.make_stale(now + 9)
    assert now + 4 - made.born == 60.0
