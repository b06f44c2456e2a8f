"""Names of upstreams to addresses: looked up off the loop, remembered a while, and again after it.

One look-up of a name runs at a time, however many ask and however long it hangs; what was known before stays good while
it does, or when it fails.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import NamedTuple

REMEMBERED_SECONDS = 30.0


class SocketAddress(NamedTuple):
    """One address of a host: the family of sockets that reach it, and what they connect to."""

    family: int
    address: tuple[str, int] | tuple[str, int, int, int]


def look_up(host: str, port: int) -> list[SocketAddress]:
    """Ask the system; blocks. OSError when there is no such name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [SocketAddress(family, address) for family, _, _, _, address in found]  # type: ignore[arg-type]  # of TCP only


def interleaved(places: Sequence[SocketAddress]) -> list[SocketAddress]:
    """One family after the other in turn, the first one's first (RFC 8305 §4), each address once."""
    by_family: dict[int, list[SocketAddress]] = {}
    for place in dict.fromkeys(places):
        by_family.setdefault(place.family, []).append(place)
    longest = max((len(group) for group in by_family.values()), default=0)
    return [group[at] for at in range(longest) for group in by_family.values() if at < len(group)]


class Resolver:
    """Remembers what names mean. `ask` blocks and is run in a thread of the loop's."""

    def __init__(self, now: Callable[[], float], ask: Callable[[str, int], list[SocketAddress]] = look_up) -> None:
        self._now = now
        self._ask = ask
        self._known: dict[tuple[str, int], tuple[float, list[SocketAddress]]] = {}
        self._running: dict[tuple[str, int], asyncio.Future[list[SocketAddress]]] = {}

    async def places(self, host: str, port: int) -> list[SocketAddress]:
        """Where a name leads, in the order to try; OSError when it leads nowhere."""
        known = self._known.get((host, port))
        if known is not None and self._now() < known[0] + REMEMBERED_SECONDS:
            return known[1]
        running = self._running.get((host, port)) or self._begin(host, port)
        if known is not None:
            return known[1]
        return await asyncio.shield(running)

    def _begin(self, host: str, port: int) -> asyncio.Future[list[SocketAddress]]:
        running = asyncio.get_running_loop().run_in_executor(None, self._ask, host, port)
        self._running[host, port] = running
        running.add_done_callback(lambda done: self._answered((host, port), done))
        return running

    def _answered(self, name: tuple[str, int], done: asyncio.Future[list[SocketAddress]]) -> None:
        self._running.pop(name, None)
        if not done.cancelled() and done.exception() is None and done.result():
            self._known[name] = (self._now(), interleaved(done.result()))
        elif name in self._known:
            self._known[name] = (self._now(), self._known[name][1])
