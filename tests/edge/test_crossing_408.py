"""A 408 that an upstream sent to an idle connection, and that crosses the next request on it."""

import pytest

from tests.doubles.clock import turns
from tests.edge.upstreams.test_selector import OK, Place, Stage

LATE = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


async def test_a_408_that_crosses_a_request_on_a_kept_connection_is_a_dead_connection():
    """It speaks of the time the connection was idle (RFC 9110 §15.5.9); no upstream is blamed for it."""
    answers = [OK, LATE, OK]
    stage = await Stage(Place(lambda: answers.pop(0))).start()
    await stage.asks()
    assert await stage.asks() == b"hi"
    assert (stage.upstreams.connects, stage.upstreams.retries) == (2, 1)
    assert stage.upstreams.all[0].failures == 0
    assert stage.running() == [0]


@pytest.mark.parametrize("repeatable", [True, False])
async def test_a_408_over_a_fresh_connection_is_the_answer(repeatable: bool):
    """Also the second in a row, and of what may not be sent twice."""
    answers = [OK, LATE, LATE]
    stage = await Stage(Place(lambda: answers.pop(0))).start()
    await stage.asks()
    exchange = await stage.upstreams.send(b"k", lambda _: [b"GET / HTTP/1.1\r\n\r\n"], repeatable=repeatable)
    assert exchange.status == 408
    exchange.close()
    assert len(answers) == (0 if repeatable else 1)
    await turns()
