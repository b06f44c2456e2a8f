"""One who waits is answered once, if still there."""

from __future__ import annotations

import asyncio

import pytest

from control.audit.entry import Author
from control.db.queued_change import QueuedChange


async def test_an_answer_or_an_error_comes_and_one_who_went_is_passed_over() -> None:
    loop = asyncio.get_running_loop()
    waiting = QueuedChange(None, None, Author("a", 0.0), None, loop.create_future())
    waiting.resolve(5)
    waiting.resolve(6)
    assert await waiting.answer == 5
    failing = QueuedChange(None, None, Author("a", 0.0), None, loop.create_future())
    failing.resolve(LookupError("no"))
    with pytest.raises(LookupError):
        await failing.answer
    gone = QueuedChange(None, None, Author("a", 0.0), None, loop.create_future())
    gone.answer.cancel()
    gone.resolve(LookupError("no"))
    assert gone.answer.cancelled()
