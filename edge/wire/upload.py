"""A request's body that is sent on while it comes, and what is held of all request bodies together.

A small body is collected whole before anybody is asked. Of a larger one only a window is here: when the upstream takes
it more slowly than the viewer sends it, the viewer's socket is read no further until there is room again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

SMALL_BODY = 64 * 1024
"""Bytes up to which a body is collected; it can be sent again, and holds no upstream up while it comes."""
WINDOW = 64 * 1024
"""Bytes of a larger body that wait for the upstream before the viewer is read no further."""
ONE_READ = 256 * 1024
"""Bytes that a socket may bring before reading can be paused."""
LAST_CHUNK = b"0\r\n\r\n"


class BodyBudget:
    """Bytes of request bodies that are held now, over all connections. `max_bytes` may be replaced."""

    def __init__(self, most: int = 64 << 20) -> None:
        self.max_bytes = most
        self.held = 0
        self.uploads = 0
        """Bodies that are being sent on while they come."""
        self._waiting: deque[Callable[[], object]] = deque()

    def try_hold(self, number: int) -> bool:
        """Hold so many bytes more, if there is room for them."""
        if self.held + number > self.max_bytes:
            return False
        self.held += number
        return True

    def hold(self, number: int) -> None:
        """Hold so many that are here already."""
        self.held += number

    def release(self, number: int) -> None:
        """Hold so many less; whoever waits for room goes on, as many as there is room for."""
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
        """Bytes that the upstream has not taken yet."""

    def send(self, data: bytes) -> None:
        """Send a piece of the request."""

    def finish_request(self) -> None:
        """The request is whole."""

    def abort_request(self) -> None:
        """The request will not become whole."""


class Upload:
    """One body under way. `length` None: it is known at its end only, so it goes on in chunks (RFC 9112 §7.1).

    `begun`: an upstream has had bytes of it, so it cannot be sent again. `answered`: the head of the answer is made.
    """

    __slots__ = (
        "_budget", "_held", "_pieces", "_sink", "_waits", "answered", "begun", "broken", "keep_alive", "length",
        "on_room", "whole",
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
        self._waits = False
        budget.uploads += 1

    @property
    def is_full(self) -> bool:
        """Whether the viewer should be read no further for now."""
        return self._held >= WINDOW or (self._held > 0 and self._budget.held > self._budget.max_bytes)

    # -- the viewer's side -------------------------------------------------------------------------------------

    def append(self, data: bytes) -> None:
        """A piece came."""
        if self.broken or (self.begun and self._sink is None):
            return  # nobody wants it any more
        self._pieces.append(data)
        self._held += len(data)
        self._budget.hold(len(data))
        self.send_available()

    def end(self) -> None:
        """All of it came."""
        self.whole = True
        self._budget.uploads -= 1
        self.send_available()

    def fail(self) -> None:
        """It will not become whole: the upstream must not take what it has for the whole."""
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
        """Send it there, what has come and what will."""
        self.begun = True
        self._sink = sink
        self.send_available()

    def detach(self) -> None:
        """The upstream takes no more of it: what comes is dropped."""
        self._sink = None
        self._pieces.clear()
        held, self._held = self._held, 0
        self._budget.release(held)
        self._tell_room()

    def send_available(self) -> None:
        """Send while the upstream takes it."""
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
            self._tell_room()

    def _tell_room(self) -> None:
        if self.on_room is not None and not self._waits:
            self._waits = True
            self._budget.when_room(self._has_room)

    def _has_room(self) -> None:
        self._waits = False
        if self.on_room is not None:
            self.on_room()
