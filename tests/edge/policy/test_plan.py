"""What is done with a stored response: by its times, and by what the viewer asks."""

import pytest

from cache.entry import Entry
from edge.policy.plan import Step, follows_default_plan, plan, plan_for, serves_when_upstream_fails, why_forwarded
from edge.wire.request import Request


def entry(*, fresh: float = 0, swr: float = 0, sie: float = 0, must: bool = False) -> Entry:
    made = Entry(b"k", 200, [], 0)
    made.fresh_until, made.windows = fresh, (swr - fresh, sie - fresh, must)
    return made


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (None, Step.FILL),
        (entry(fresh=10.1), Step.SERVE),
        (entry(fresh=10), Step.REVALIDATE),
        (entry(fresh=9, swr=9), Step.REVALIDATE),
        (entry(fresh=9, swr=10), Step.REVALIDATE),
        (entry(fresh=9, swr=11), Step.SERVE_STALE),
        (entry(fresh=9, sie=99), Step.REVALIDATE),
    ],
)
def test_the_next_step(stored: Entry | None, found: Step):
    assert plan(stored, 10.0) is found


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (None, False),
        (entry(fresh=9), False),
        (entry(fresh=9, sie=11), True),
        (entry(fresh=9, swr=11), True),
        (entry(fresh=9, sie=10), False),
        (entry(fresh=9, sie=11, must=True), False),
    ],
)
def test_who_stands_in_for_a_failed_fetch(stored: Entry | None, found: bool):
    """RFC 5861 §4; never past must-revalidate (RFC 9111 §5.2.2.2)."""
    assert serves_when_upstream_fails(stored, 10.0) is found


def asks(method: bytes = b"GET", body: bytes = b"", **fields: str) -> Request:
    raw = {name.replace("_", "-").encode(): value.encode() for name, value in fields.items()}
    return Request(method, b"/", raw, 1, keep_alive=True, body=body)


STORED = [(b"etag", b'"a"'), (b"last-modified", b"Sun, 06 Nov 1994 08:49:37 GMT")]


def stored(fresh: float, *, swr: float = 0, must: bool = False, cache_control: bytes = b"") -> Entry:
    """Born at 0, looked at 10."""
    made = Entry(b"k", 200, [*STORED, (b"cache-control", cache_control)], 0)
    made.fresh_until, made.windows = fresh, (swr, 0.0, must)
    return made


@pytest.mark.parametrize(
    ("request_", "ordinary_"),
    [
        (asks(), True),
        (asks(range="bytes=0-1", if_none_match="*", cookie="a", authorization="b"), True),
        (asks(cache_control="no-cache"), False),
        (asks(pragma="no-cache"), False),
        (asks(if_match="*"), False),
        (asks(if_unmodified_since="x"), False),
        (asks(body=b"x"), False),
        (asks(b"HEAD"), False),
    ],
)
def test_what_can_change_the_plan(request_: Request, ordinary_: bool):
    assert follows_default_plan(request_) is ordinary_


@pytest.mark.parametrize(
    ("request_", "entry_", "honoured", "ignored"),
    [
        (asks(cache_control="no-cache"), stored(20), Step.REVALIDATE, Step.SERVE),
        (asks(pragma="no-cache"), stored(20), Step.REVALIDATE, Step.SERVE),
        (asks(cache_control="max-age=5"), stored(20), Step.REVALIDATE, Step.SERVE),
        (asks(cache_control="max-age=15"), stored(20), Step.SERVE, Step.SERVE),
        (asks(cache_control="min-fresh=15"), stored(20), Step.REVALIDATE, Step.SERVE),
        (asks(cache_control="max-stale"), stored(9), Step.SERVE_STALE_AS_REQUESTED, Step.REVALIDATE),
        (asks(cache_control="max-stale"), stored(9, must=True), Step.REVALIDATE, Step.REVALIDATE),
        (asks(cache_control="max-stale=5"), stored(4), Step.REVALIDATE, Step.REVALIDATE),
        (asks(cache_control="max-stale"), stored(9, swr=9), Step.SERVE_STALE, Step.SERVE_STALE),
        (asks(cache_control="max-age=60"), stored(9, swr=9), Step.REVALIDATE, Step.SERVE_STALE),
        (asks(cache_control="max-age=0"), stored(20, cache_control=b"max-age=20, immutable"), Step.SERVE, Step.SERVE),
        (asks(cache_control="only-if-cached"), stored(20), Step.SERVE, Step.SERVE),
        (asks(cache_control="only-if-cached"), stored(9), Step.NOT_CACHED, Step.NOT_CACHED),
        (asks(cache_control="only-if-cached"), stored(9, swr=9), Step.SERVE_STALE, Step.SERVE_STALE),
        (asks(cache_control="only-if-cached, max-stale"), stored(9), Step.SERVE_STALE_AS_REQUESTED, Step.NOT_CACHED),
        (asks(cache_control="only-if-cached"), None, Step.NOT_CACHED, Step.NOT_CACHED),
        (asks(cache_control="no-store"), None, Step.FETCH_UNCACHED, Step.FETCH_UNCACHED),
        (asks(cache_control="no-store"), stored(9), Step.FETCH_UNCACHED, Step.FETCH_UNCACHED),
        (asks(cache_control="no-store"), stored(20), Step.SERVE, Step.SERVE),
        (asks(cache_control="x"), None, Step.FILL, Step.FILL),
    ],
)
def test_what_the_viewer_wishes(request_: Request, entry_: Entry | None, honoured: Step, ignored: Step):
    """RFC 9111 §5.2.1; no wish that costs others anything counts unless the operator says so."""
    assert plan_for(request_, entry_, 10.0, general=True, honour=True) is honoured
    assert plan_for(request_, entry_, 10.0, general=True, honour=False) is ignored


@pytest.mark.parametrize(
    ("request_", "entry_", "general", "media"),
    [
        (asks(if_match='"a"'), stored(20), Step.SERVE, Step.SERVE),
        (asks(if_match='"b"'), stored(20), Step.FETCH_UNCACHED, Step.SERVE),
        (asks(if_match='"a"'), stored(9), Step.FETCH_UNCACHED, Step.REVALIDATE),
        (asks(if_match="*"), None, Step.FETCH_UNCACHED, Step.FILL),
        (asks(if_unmodified_since="Sun, 06 Nov 1994 08:49:37 GMT"), stored(20), Step.SERVE, Step.SERVE),
        (asks(if_unmodified_since="Sun, 06 Nov 1994 08:49:36 GMT"), stored(20), Step.FETCH_UNCACHED, Step.SERVE),
        (asks(if_match="*", cache_control="only-if-cached"), None, Step.NOT_CACHED, Step.NOT_CACHED),
        (asks(body=b"x"), stored(20), Step.FETCH_UNCACHED, Step.SERVE),
        (asks(b"HEAD"), stored(20), Step.SERVE, Step.SERVE),
        (asks(b"HEAD"), stored(9), Step.ASK_HEAD, Step.REVALIDATE),
        (asks(b"HEAD"), stored(9, swr=9), Step.SERVE_STALE, Step.SERVE_STALE),
        (asks(b"HEAD"), None, Step.ASK_HEAD, Step.FILL),
        (asks(b"HEAD", cache_control="no-store"), None, Step.FETCH_UNCACHED, Step.FILL),
        (asks(cache_control="no-store"), None, Step.FETCH_UNCACHED, Step.FILL),
    ],
)
def test_what_is_for_one_viewer(request_: Request, entry_: Entry | None, general: Step, media: Step):
    """RFC 9110 §9.3.1, §9.3.2, §13.1.1, §13.1.4: with an allow-list upstream none of it gets there."""
    assert plan_for(request_, entry_, 10.0, general=True, honour=False) is general
    assert plan_for(request_, entry_, 10.0, general=False, honour=False) is media


@pytest.mark.parametrize(
    ("request_", "entry_", "alternates", "why"),
    [
        (asks(), None, [], b"uri-miss"),
        (asks(), None, [stored(20)], b"vary-miss"),
        (asks(), stored(9), [stored(9)], b"stale"),
        (asks(cache_control="no-cache"), stored(20), [], b"request"),
        (asks(body=b"x"), stored(20), [], b"bypass"),
    ],
)
def test_why_upstream_is_asked(request_: Request, entry_: Entry | None, alternates: list[Entry], why: bytes):
    """RFC 9211 §2.2."""
    assert why_forwarded(request_, entry_, alternates, 10.0) == why
