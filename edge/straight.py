"""The straight run of the story: a hit in RAM, asked for on a connection that was permitted the folder before.

The same decisions as in `edge.request`, each remembered with what it depends on; nothing is decided here. It costs a
few microseconds where the long way costs three times as much, and it is what most requests of a player are.
"""

from __future__ import annotations

from cache.cache import SegmentCache
from cache.entry import Entry
from edge.counters import Counts
from edge.deliver import Selection, head
from edge.grant import MOST_GRANTS, NAME, grant
from edge.node import Node
from edge.record import AccessLog
from edge.route import Asked
from edge.wire.h1 import Connection
from kernel.claims import Permit
from kernel.clock import Clock
from kernel.http.cache_status import chained, hit

_NO_FIELDS: dict[bytes, bytes] = {}


class StraightRun:
    """Answers what can be answered at once. `lines` are the ready header lines of every response."""

    def __init__(self, node: Node, cache: SegmentCache, clock: Clock, counts: Counts, log: AccessLog | None) -> None:
        self.node = node
        self.cache = cache
        self.clock = clock
        self.counts = counts
        self.log = log
        self.lines = node.profile.lines + b"Via: 1.1 %s\r\n" % node.id.encode("latin-1", "replace")
        self.known_heads: dict[bytes, None] = {}
        self._touch = cache.ram.touch
        self._mono = clock.mono
        self._wall = clock.wall

    def straight(self, target: bytes, connection: Connection) -> bool:
        """Answer a plain, kept-alive GET if it is a fresh hit in RAM under a grant that holds; False: nothing was done.

        The same decisions as in `handle`, each remembered with what it depends on; nothing is decided here.
        """
        cut = target.rfind(b"/") + 1
        grant = connection.grants.get(target[:cut])
        if grant is None:
            return False
        node, wall, now = self.node, self._wall(), self._mono()
        if grant.rules is not node.rules or not grant.starts <= wall < grant.ends:
            return False
        if node.memo is not None and grant.keys is not node.memo.keys:
            return False
        name = target[cut:]
        if not NAME.fullmatch(name):
            return False
        entry = self.cache.peek(grant.key + name, _NO_FIELDS)
        if entry is None or entry.status != 200 or entry.vary or now >= entry.fresh_until:
            return False
        body = entry.body
        if body is None or not (isinstance(body, bytes) or self.cache.sound(entry, body, now)):
            return False
        age = int(now - entry.born)
        ready = entry.ready if entry.ready_at == age else self.make_ready(entry, age)
        sent = len(body)
        if isinstance(body, bytes):
            connection.transport.writelines((ready, body))
        else:
            connection.send(ready, body, 0, sent)
        self._touch(entry)
        counts = self.counts
        counts.straight += 1
        counts.bytes_sent += sent
        if self.log is not None:
            self.log.hit(grant.log, name.decode(), sent, wall)
        return True

    def remember(self, asked: Asked, permit: Permit, connection: Connection, target: bytes) -> None:
        """Remember for this connection that it may have the files of this folder."""
        node, viewer = self.node, connection.viewer
        folder = asked.path[: asked.path.rfind(b"/") + 1].decode("ascii")
        log = self.log.beginning(permit.session, viewer.address, viewer.country, "GET") + folder if self.log else ""
        made = grant(asked, permit, node.rules, node.memo.keys if node.memo is not None else None, log)
        if made is not None:
            grants = connection.grants
            if len(grants) >= MOST_GRANTS:
                del grants[next(iter(grants))]
            grants[target[: target.rfind(b"/") + 1]] = made

    def make_ready(self, entry: Entry, age: int) -> bytes:
        """The head of a whole hit, good for as long as the object is `age` whole seconds old."""
        length = entry.length
        made = head(entry, Selection(200, 0, length), length, self.lines)
        status = chained(entry.upstream_status, hit(self.node.name, int(entry.fresh_until - entry.born) - age))
        entry.ready = made + b"Age: %d\r\nCache-Status: %s\r\n\r\n" % (max(0, age), status)
        entry.ready_at = age
        return entry.ready
