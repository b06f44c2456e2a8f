"""The protocol through which the program gives the cache background tasks and threads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class TaskRunner(Protocol):
    """Runs the slow work of the cache; the program owns the tasks and threads."""

    def offload(self, work: Callable[[], T]) -> Awaitable[T]:
        """Run blocking work in a thread; await the result."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> object:
        """Run a coroutine as a task that the program supervises."""
