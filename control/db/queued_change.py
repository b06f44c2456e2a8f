"""A change that waits for the writer, and the one who waits for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from control.audit.entry import Author
from control.db.transaction import Cursor, Work, WriteGroup
from control.desired.resources import Change, Desired


@dataclass(frozen=True, slots=True)
class QueuedChange:
    """One of two: a change of what edges hold (`make`), or a work."""

    make: Callable[[Desired], Change] | None
    work: Work | None
    author: Author
    cursor: Cursor | None
    answer: asyncio.Future[Any]

    async def apply_to(self, group: WriteGroup) -> Any:
        """Add it to a transaction; what it is to be answered."""
        if self.make is not None:
            return group.apply_change(self.make, self.author, self.cursor)
        assert self.work is not None  # noqa: S101 (one of the two; for the types)
        return await group.apply_work(self.work, self.author)

    def resolve(self, result: Any) -> None:
        """Answer the one who waits, unless they have gone; an exception is raised there."""
        if self.answer.done():
            return
        if isinstance(result, Exception):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)
