"""When a step is tried again."""

import pytest

from origin.jobs.retry_policy import (
    FAILURE_SENTENCES,
    MAX_LOSS_PAUSE,
    MAX_PAUSE,
    FailureReason,
    RetryLimits,
    next_attempt,
    pause_after_loss,
    pause_before_retry,
)

LIMITS = RetryLimits(failures=3, losses=4)


@pytest.mark.parametrize(
    ("reason", "failures", "losses", "pause"),
    [
        (FailureReason.ENCODER, 1, 0, 1.0),
        (FailureReason.ENCODER, 2, 0, 3.0),
        (FailureReason.ENCODER, 3, 0, None),
        (FailureReason.WORKER_LOST, 0, 1, 0.0),
        (FailureReason.WORKER_LOST, 0, 2, 1.0),
        (FailureReason.PROGRAM_KILLED, 0, 3, 2.0),
        (FailureReason.WORKER_LOST, 0, 4, None),
        (FailureReason.WORKER_LOST, 2, 1, 0.0),
        (FailureReason.ENCODER, 1, 3, 1.0),
        (FailureReason.FILM, 1, 0, None),
        (FailureReason.CANCELLED, 1, 0, None),
    ],
)
def test_the_next_attempt(reason, failures, losses, pause):
    assert next_attempt(reason, failures, losses, LIMITS) == pause


def test_the_pause_grows_to_a_bound():
    pauses = [pause_before_retry(count) for count in range(1, 1000)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == MAX_PAUSE
    losses = [pause_after_loss(count) for count in range(1, 1000)]
    assert losses == sorted(losses)
    assert losses[-1] == MAX_LOSS_PAUSE


def test_each_reason_has_a_sentence():
    assert set(FAILURE_SENTENCES) == set(FailureReason)
