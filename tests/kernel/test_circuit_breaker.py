"""The circuit breaker, by events."""

from kernel.circuit_breaker import CircuitBreaker


def broken(now=0.0):
    breaker = CircuitBreaker(failures=3, open_seconds=10.0)
    assert [breaker.record_failure(now) for _ in range(3)] == [False, False, True]
    return breaker


def test_it_opens_after_failures_in_a_row():
    breaker = CircuitBreaker(failures=3, open_seconds=10.0)
    for _ in range(2):
        breaker.record_failure(0.0)
    breaker.record_success()
    breaker.record_failure(0.0)
    assert breaker.allows(0.0), "a success in between starts the count again"


def test_an_open_one_lets_nothing_pass():
    breaker = broken()
    assert not breaker.allows(9.9)
    assert breaker.is_open(9.9)


def test_one_probe_passes_and_decides():
    breaker = broken()
    assert [breaker.allows(10.0) for _ in range(3)] == [True, False, False]
    breaker.record_failure(11.0)
    assert not breaker.allows(20.9)
    assert breaker.allows(21.0)
    breaker.record_success()
    assert all(breaker.allows(21.0) for _ in range(3))


def test_a_probe_without_an_outcome_does_not_close_it_for_ever():
    """The viewer disconnected: the next probe passes later."""
    breaker = broken()
    assert breaker.allows(10.0)
    assert breaker.allows(20.0)
