import pytest

from loadtest.player.requests import Answer
from loadtest.session import Failure


@pytest.mark.parametrize(
    ("outcome", "ok", "status"), [(200, True, 200), (206, True, 206), (304, False, 304), (Failure.TIMEOUT, False, 0)]
)
def test_only_a_whole_body_is_good(outcome, ok, status):
    answer = Answer(outcome, "http://h/")
    assert (answer.is_ok, answer.status) == (ok, status)
