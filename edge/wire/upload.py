"""A request body that is forwarded while it is received, and the memory that all request bodies may take.

A small body is collected whole before upstream is asked. Of a larger one only a window is held here: if the upstream
receives it more slowly than the viewer sends it, the viewer's socket is not read until there is room again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

SMALL_BODY = 64 * 1024
"""Bytes up to which a body is collected: it can be sent again, and occupies no upstream while it arrives."""
WINDOW = 64 * 1024
"""Bytes of a larger body that wait for the upstream before the viewer is read no further."""
ONE_READ = 256 * 1024
"""Bytes that a socket may deliver before reading can be paused."""
LAST_CHUNK = b"0\r\n\r\n"


class BodyBudget:
    """Bytes of request bodies held now, over all connections. `max_bytes` may be replaced."""

    def __init__(self, most: int = 64 << 20) -> None:
        self.max_bytes = most
        self.held = 0
        self.uploads = 0
        """Bodies that are being forwarded."""
        self._waiting: deque[Callable[[], object]] = deque()

    def try_hold(self, number: int) -> bool:
        """Hold `number` more bytes if there is room for them."""
        if self.held + number > self.max_bytes:
            return False
        self.held += number
        return True

    def hold(self, number: int) -> None:
        """Hold `number` bytes that were received already."""
        self.held += number

    def release(self, number: int) -> None:
        """Hold `number` bytes less; resume as many waiting uploads as there is room for."""
        self.held -= number
        room = self.max_bytes - self.held
        while self._waiting and room > 0:
            room -= ONE_READ
            self._waiting.popleft()()

    def when_room(self, call: Callable[[], object]) -> None:
        """Call when more may come, now if there is room."""
        if self.held < self.max_bytes:
            call()
        else:
            self._waiting.append(call)


class UploadSink(Protocol):
    """The upstream's connection, as an upload sees it."""

    @property
    def unsent(self) -> int:
        """Bytes that the upstream has not received yet."""

    def send(self, data: bytes) -> None:
        """Send a piece of the request."""

    def finish_request(self) -> None:
        """The request is complete."""

    def abort_request(self) -> None:
        """The request will not become complete."""


class Upload:
    """One body. `length` None: it is known at the end only, so the body goes on in chunks (RFC 9112 §7.1).

    `begun`: bytes were sent to an upstream, so it cannot be sent again. `whole`: all of it was received. `answered`:
    the head of the response is made.
    """

    __slots__ = (
        "_budget", "_held", "_pieces", "_sink", "_waits_for_room", "answered", "begun", "broken", "keep_alive",
        "length", "on_room", "whole",
    )  # fmt: skip

    def __init__(self, budget: BodyBudget, length: int | None, *, keep_alive: bool) -> None:
        self.length = length
        self.keep_alive = keep_alive
        self.begun = self.whole = self.broken = self.answered = False
        self.on_room: Callable[[], object] | None = None
        self._budget = budget
        self._pieces: deque[bytes] = deque()
        self._sink: UploadSink | None = None
        self._held = 0
        self._waits_for_room = False
        budget.uploads += 1

    @property
    def is_full(self) -> bool:
        """Whether the viewer should be read no further for now."""
        return self._held >= WINDOW or (self._held > 0 and self._budget.held > self._budget.max_bytes)

    # -- the viewer's side -------------------------------------------------------------------------------------

    def append(self, data: bytes) -> None:
        """Take a piece from the viewer."""
        if self.broken or (self.begun and self._sink is None):
            return  # discarded: no upstream receives it any more
        self._pieces.append(data)
        self._held += len(data)
        self._budget.hold(len(data))
        self.send_available()

    def end(self) -> None:
        """All of it was received."""
        self.whole = True
        self._budget.uploads -= 1
        self.send_available()

    def fail(self) -> None:
        """It will not become complete: the upstream must not take what it has for the whole."""
        if self.whole or self.broken:
            return
        self.broken = True
        self._budget.uploads -= 1
        sink = self._sink
        self.detach()
        if sink is not None:
            sink.abort_request()

    # -- the upstream's side -----------------------------------------------------------------------------------

    def send_to(self, sink: UploadSink) -> None:
        """Send it there, what was received and what will be."""
        self.begun = True
        self._sink = sink
        self.send_available()

    def detach(self) -> None:
        """The upstream receives no more of it: discard what comes."""
        self._sink = None
        self._pieces.clear()
        held, self._held = self._held, 0
        self._budget.release(held)
        self._on_progress()

    def send_available(self) -> None:
        """Send as much as the upstream accepts."""
        sink, given = self._sink, 0
        if sink is None:
            return
        while self._pieces and not sink.unsent:
            piece = self._pieces.popleft()
            given += len(piece)
            sink.send(piece if self.length is not None else b"%x\r\n%b\r\n" % (len(piece), piece))
        self._held -= given
        if given:
            self._budget.release(given)
        if self.whole and not self._pieces:
            self._sink = None
            if self.length is None:
                sink.send(LAST_CHUNK)
            sink.finish_request()
        elif given and self._held < WINDOW // 2:
            self._on_progress()

    def _on_progress(self) -> None:
        if self.on_room is not None and not self._waits_for_room:
            self._waits_for_room = True
            self._budget.when_room(self._resume)

    def _resume(self) -> None:
        self._waits_for_room = False
        if self.on_room is not None:
            self.on_room()
