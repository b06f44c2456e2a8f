"""What prefetching may cost when no player is behind it."""

from zoneinfo import ZoneInfo

from edge.prefetch.budget import LATEST, Budget
from kernel.time_window import parse_window

NOON = 1_790_000_000.0 - 1_790_000_000.0 % 86400 + 12 * 3600


def test_the_rate_holds_over_time():
    budget = Budget(1000, 10**9)
    now = taken = 0.0
    while now < 60:
        wait = budget.wait(now, NOON, urgent=False)
        if wait > 0:
            now += wait
        else:
            budget.brought(b"%d" % taken, 700)
            taken += 700
    assert 60_000 <= taken <= 63_000


def test_no_rate_is_no_limit():
    budget = Budget(0, 10)
    budget.brought(b"a", 10**9)
    assert budget.wait(0.0, NOON, urgent=False) == 0.0


def test_the_room_is_of_what_lies_here():
    budget = Budget(0, 100)
    budget.brought(b"a", 60)
    assert not budget.full
    budget.brought(b"a", 60)
    budget.brought(b"b", 60)
    assert budget.full
    budget.gone(b"a")
    budget.gone(b"unknown")
    assert (budget.full, budget.held) == (False, 60)


def test_by_day_only_what_is_urgent():
    budget = Budget(0, 100, parse_window("01:00-06:00"), ZoneInfo("UTC"))
    assert budget.wait(0.0, NOON, urgent=False) == LATEST
    assert budget.wait(0.0, NOON, urgent=True) == 0.0
