"""The books of prefetching, by events."""

from zoneinfo import ZoneInfo

import pytest

from edge.prefetch.accounting import (
    CAUSES,
    MAX_ROWS,
    MAX_WATCHED,
    MIN_ALLOWED,
    MIN_BYTES,
    WASTED_AFTER,
    WINDOW_RECHECK_SECONDS,
    PrefetchAccounting,
    PrefetchBudget,
)
from kernel.fleet.messages import Prefetched
from kernel.time_window import parse_window

MIB = 1 << 20
K = b"k", None
B, A, Q, G, F = "begun", "arrived", "asked", "gone", "failed"


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([B, A, Q], (MIB, 0, 0)),
        ([B, Q, A], (0, MIB, 0)),
        ([B, A, G], (0, 0, MIB)),
        ([B, A, Q, G, Q], (MIB, 0, 0)),
        ([B, B, A, Q], (MIB, 0, 0)),
        ([B, F], None),
        ([B, Q, F], None),
        ([B, A], None),
        ([Q, A, G, F], None),
    ],
)
def test_what_becomes_of_a_prefetched_object(events: list[str], found: tuple[int, int, int] | None):
    books = PrefetchAccounting()
    for event in events:
        match event:
            case "begun":
                books.on_started(K, "film", "next", 0.0)
            case "arrived":
                books.on_arrived(K, MIB, 1.0)
            case "asked":
                books.on_requested(K, 1.0)
            case "gone":
                books.on_removed(K, 1.0)
            case "failed":
                books.on_failed(K)
    assert books.report() == ((Prefetched("film", "next", *found),) if found else ())
    assert books.report() == ()


def test_parts_are_watched_apart():
    books = PrefetchAccounting()
    for part in (None, 0, 10):
        books.on_started((b"k", part), "film", "next", 0.0)
        books.on_arrived((b"k", part), MIB, 1.0)
    books.on_requested((b"k", 10), 1.0)
    assert set(books.watched) == {(b"k", None), (b"k", 0)}
    assert books.totals["useful"] == MIB


def test_what_nobody_asks_for_is_wasted_in_the_end():
    books = PrefetchAccounting()
    books.on_started(K, "film", "hot", 0.0)
    books.on_arrived(K, MIB, 1.0)
    books.settle_overdue(WASTED_AFTER - 1)
    assert K in books.watched
    books.settle_overdue(WASTED_AFTER)
    assert K not in books.watched
    assert books.report() == (Prefetched("film", "hot", 0, 0, MIB),)


def test_the_books_are_bounded():
    books = PrefetchAccounting()
    for number in range(MAX_WATCHED + 10):
        key = b"%d" % number, None
        books.on_started(key, f"film{number}", "next", 0.0)
        books.on_arrived(key, 1, 0.0)
    assert len(books.watched) == MAX_WATCHED
    for number in range(MAX_WATCHED + 10):
        books.on_requested((b"%d" % number, None), 1.0)
    report = books.report()
    assert len(report) == MAX_ROWS + 1
    assert sum(row.useful + row.wasted for row in report) == MAX_WATCHED + 10


def wastes(books: PrefetchAccounting, cause: str, good: int, bad: int, now: float = 0.0) -> None:
    for number in range(good + bad):
        key = b"%s%d" % (cause.encode(), number), None
        books.on_started(key, "film", cause, now)
        books.on_arrived(key, MIB, now)
        (books.on_requested if number < good else books.on_removed)(key, now)


def test_a_bad_cause_is_throttled_and_the_others_are_not():
    books = PrefetchAccounting()
    wastes(books, "cmcd", good=20, bad=80)
    assert books.granted_share("cmcd", 0.0) == pytest.approx(0.2)
    assert sum(books.try_admit("cmcd", 0.0) for _ in range(100)) == pytest.approx(20, abs=2)
    assert all(books.try_admit(cause, 0.0) for cause in CAUSES if cause != "cmcd")


def test_a_cause_that_is_all_waste_may_still_prove_itself():
    books = PrefetchAccounting()
    wastes(books, "next", good=0, bad=50)
    assert books.granted_share("next", 0.0) == MIN_ALLOWED
    assert any(books.try_admit("next", 0.0) for _ in range(100))
    wastes(books, "next", good=100, bad=0, now=1.0)
    assert books.granted_share("next", 1.0) == 1.0


def test_little_says_nothing_and_old_waste_is_forgotten():
    books = PrefetchAccounting()
    wastes(books, "next", good=0, bad=MIN_BYTES // MIB - 1)
    assert books.granted_share("next", 0.0) == 1.0
    wastes(books, "hot", good=0, bad=100)
    assert books.granted_share("hot", 10_000.0) == 1.0


NOON = 1_790_000_000.0 - 1_790_000_000.0 % 86400 + 12 * 3600


def test_the_rate_holds_over_time():
    budget = PrefetchBudget(1000, 10**9)
    now = taken = 0.0
    while now < 60:
        wait = budget.seconds_to_wait(now, NOON, urgent=False)
        if wait > 0:
            now += wait
        else:
            budget.on_fetched(b"%d" % taken, 700)
            taken += 700
    assert 60_000 <= taken <= 63_000


def test_no_rate_is_no_limit():
    budget = PrefetchBudget(0, 10)
    budget.on_fetched(b"a", 10**9)
    assert budget.seconds_to_wait(0.0, NOON, urgent=False) == 0.0


def test_the_room_is_of_what_lies_here():
    budget = PrefetchBudget(0, 100)
    budget.on_fetched(b"a", 60)
    assert not budget.is_full
    budget.on_fetched(b"a", 60)
    budget.on_fetched(b"b", 60)
    assert budget.is_full
    budget.on_removed(b"a")
    budget.on_removed(b"unknown")
    assert (budget.is_full, budget.bytes_cached) == (False, 60)


def test_by_day_only_what_is_urgent():
    budget = PrefetchBudget(0, 100, parse_window("01:00-06:00"), ZoneInfo("UTC"))
    assert budget.seconds_to_wait(0.0, NOON, urgent=False) == WINDOW_RECHECK_SECONDS
    assert budget.seconds_to_wait(0.0, NOON, urgent=True) == 0.0
