"""What the cache needs of the program around it: somewhere to do slow work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class TaskRunner(Protocol):
    """Where the cache's slow work is done; the program owns tasks and threads."""

    def offload(self, work: Callable[[], T]) -> Awaitable[T]:
        """Run in a thread."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> object:
        """Run as a task with an owner."""
