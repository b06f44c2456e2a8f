"""A log whose lines come from outside stays small, and says what it leaves out."""

import structlog

from kernel.log_rate import (
    BURST,
    BURST_OF_ALL,
    LINES_A_SECOND_OF_ALL,
    MAX_KINDS,
    MAX_TRACEBACK,
    SECONDS_A_LINE,
    LogRate,
    bound_traceback,
    rate_limit,
)


def test_one_kind_is_written_in_a_burst_and_then_seldom_with_the_number_left_out():
    rate = LogRate()
    written = [rate.admit("accept", 0.0) for _ in range(BURST + 100)]
    assert written == [0] * BURST + [None] * 100
    assert rate.admit("accept", SECONDS_A_LINE) == 100
    assert rate.admit("accept", SECONDS_A_LINE) is None
    assert rate.admit("another", SECONDS_A_LINE) == 0
    assert rate.left_out == 101


def test_ever_new_kinds_are_bounded_too():
    rate = LogRate()
    seconds = 100
    written = sum(
        rate.admit((second, number), float(second)) is not None for second in range(seconds) for number in range(200)
    )
    assert written <= BURST_OF_ALL + seconds * LINES_A_SECOND_OF_ALL


def test_the_kind_that_was_silent_for_longest_is_forgotten():
    rate = LogRate()
    written = [rate.admit("old", 0.0) for _ in range(BURST + 1)]
    assert written[-1] is None
    for number in range(MAX_KINDS - 1):
        rate.admit(number, 0.0)
    assert rate.admit("old", 0.0) is None, "not yet"
    for number in range(MAX_KINDS):
        rate.admit(("more", number), 30.0)
    assert rate.admit("old", 30.0) == 0, "it has a new burst, and its number left out is gone"


def test_a_clock_that_stands_still_gives_nothing():
    rate = LogRate()
    assert sum(rate.admit("k", 5.0) is not None for _ in range(1000)) == BURST


def test_lines_of_one_event_with_other_errors_are_other_kinds():
    limit = rate_limit(LogRate(), lambda: 0.0)

    def written(error):
        try:
            return limit(None, "error", {"event": "failed", "exc_info": error})
        except structlog.DropEvent:
            return None

    assert sum(written(ValueError(str(number))) is not None for number in range(100)) == BURST
    assert written(KeyError()) is not None


def test_a_traceback_is_cut_in_its_middle():
    event = bound_traceback(None, "error", {"event": "e", "exception": "first" + "x" * 10 * MAX_TRACEBACK + "last"})
    assert len(event["exception"]) < MAX_TRACEBACK + 100
    assert event["exception"].startswith("first")
    assert event["exception"].endswith("last")
