"""A change in the writer's queue, with the future of the caller that waits for it."""

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
    """Either a change of the desired state (`make`) or work in a transaction."""

    make: Callable[[Desired], Change] | None
    work: Work | None
    author: Author
    cursor: Cursor | None
    answer: asyncio.Future[Any]

    async def apply_to(self, group: WriteGroup) -> Any:
        """Apply it within a transaction; returns the caller's answer."""
        if self.make is not None:
            return group.apply_change(self.make, self.author, self.cursor)
        assert self.work is not None  # noqa: S101 (one of the two; for the types)
        return await group.apply_work(self.work, self.author)

    def resolve(self, result: Any) -> None:
        """Answer the caller unless it has been cancelled; an exception is raised there."""
        if self.answer.done():
            return
        if isinstance(result, Exception):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)
