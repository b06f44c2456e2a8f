"""Keeps a browser at the priority of this process, and says how long it waited for a CPU.

Chromium gives its renderers a lower priority than its parent has, whatever that is, and is a session of its own, which
Linux schedules as a group apart (sched(7), autogroup): on a busy machine the page is starved, the virtual player is
not, and the two differ for no reason of theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

EVERY_S = 0.2
_PROC = Path("/proc")


def descendants(pid: int, proc: Path = _PROC) -> Iterator[int]:
    """The processes that a process has started, and theirs."""
    with contextlib.suppress(OSError):
        for task in (proc / str(pid) / "task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                yield child
                yield from descendants(child, proc)


def threads(pid: int, proc: Path = _PROC) -> Iterator[int]:
    """The threads of a process: on Linux each has a priority of its own."""
    with contextlib.suppress(OSError):
        yield from (int(task.name) for task in (proc / str(pid) / "task").iterdir())


def waited_s(thread: int, proc: Path = _PROC) -> float:
    """Seconds that a thread was ready to run and did not (schedstat, second field); 0 when it has ended."""
    try:
        return int((proc / str(thread) / "schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def share_priority(pid: int, priority: int, proc: Path = _PROC) -> None:
    """Give a process's session this priority among sessions, where the kernel schedules by them."""
    group = proc / str(pid) / "autogroup"
    with contextlib.suppress(OSError, ValueError):
        if int(group.read_text().rpartition(" ")[2]) != priority:
            group.write_text(str(priority))


class SamePriority:
    """Set again and again, since the browser starts processes and changes their priorities while it runs."""

    def __init__(self) -> None:
        self._first: dict[int, float] = {}
        self._last: dict[int, float] = {}

    @property
    def waited_s(self) -> float:
        """The longest that one of the browser's threads has waited for a CPU since it was seen, all waits together."""
        return max((self._last[thread] - first for thread, first in self._first.items()), default=0.0)

    async def keep(self) -> None:
        """Until cancelled."""
        while True:
            self.set_once()
            await asyncio.sleep(EVERY_S)

    def set_once(self) -> None:
        """Give every thread of every descendant this process's priority."""
        own = os.getpriority(os.PRIO_PROCESS, 0)
        for pid in (os.getpid(), *descendants(os.getpid())):
            share_priority(pid, own)
            for thread in threads(pid):
                self._last[thread] = waited_s(thread) or self._last.get(thread, 0.0)
                self._first.setdefault(thread, self._last[thread])
                with contextlib.suppress(OSError):
                    if os.getpriority(os.PRIO_PROCESS, thread) != own:
                        os.setpriority(os.PRIO_PROCESS, thread, own)
