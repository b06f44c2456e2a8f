"""Retries are a share of requests plus a few per second, and unused ones are saved up to a bound."""

from edge.upstreams.selector import INITIAL_RETRIES, MAX_SAVED_RETRIES, RetryBudget


def taken(budget: RetryBudget) -> int:
    count = 0
    while budget.try_spend():
        count += 1
    return count


def test_a_few_at_first():
    assert taken(RetryBudget(0.0)) == INITIAL_RETRIES


def test_a_fifth_of_the_requests():
    budget = RetryBudget(0.0)
    taken(budget)
    for _ in range(50):
        budget.earn(0.0)
    assert taken(budget) in (9, 10)  # sums of 0.2


def test_two_a_second():
    budget = RetryBudget(0.0)
    taken(budget)
    budget.earn(3.0)
    assert taken(budget) == 6


def test_what_is_saved_is_bounded():
    budget = RetryBudget(0.0)
    budget.earn(1e6)
    assert taken(budget) == MAX_SAVED_RETRIES


def test_a_clock_that_stands_still_or_goes_back_takes_nothing():
    budget = RetryBudget(10.0)
    budget.earn(5.0)
    assert taken(budget) == INITIAL_RETRIES


def test_those_it_refused_are_counted():
    budget = RetryBudget(0.0)
    taken(budget)
    budget.try_spend()
    assert budget.refused == 2
