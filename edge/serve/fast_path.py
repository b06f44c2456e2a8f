"""The straight run of the story: a hit in RAM, asked for on a connection that was permitted the folder before.

The same decisions as in `edge.serve.handler`, each remembered with what it depends on; nothing is decided here. It
costs a few microseconds where the long way costs three times as much, and it is what most requests of a player are.
"""

from __future__ import annotations

from dataclasses import replace

from cache.body import Body
from cache.cache import SegmentCache
from cache.entry import Entry, PreparedHead
from edge.counters import Counts
from edge.policy.node import Node
from edge.policy.response_head import Selection, head
from edge.policy.route import RoutedRequest
from edge.policy.routes import Routes
from edge.prefetch.popularity import REQUEST, Popularity
from edge.prefetch.predictor import PrefetchPredictor
from edge.prefetch.segment_index import SegmentIndex
from edge.serve.access_log import AccessLog
from edge.serve.request_template import MAX_GRANTS, NAME, Grant, grant
from edge.wire.http1_server import Connection
from kernel.auth.claims import Permit
from kernel.clock import Clock
from kernel.http.cache_status import chained, hit

_NO_FIELDS: dict[bytes, bytes] = {}
HEAD_VALID_SECONDS = 1.0
"""The longest that a head is good for: then the object's age is another."""
MAX_COPIED_BODY = 8 * 1024
"""A body up to this size is copied behind its head: that costs less than telling the transport of two pieces."""


class FastPath:
    """Answers what can be answered at once. `lines` are the ready header lines of every response."""

    def __init__(self, node: Node, cache: SegmentCache, clock: Clock, counts: Counts, log: AccessLog | None) -> None:
        self.node = node
        self.cache = cache
        self.clock = clock
        self.counts = counts
        self.log = log
        self.popularity = Popularity(SegmentIndex())
        self.foresight: PrefetchPredictor | None = None
        self.via = b"Via: 1.1 %s\r\n" % node.id.encode("latin-1", "replace")
        self.lines = node.routes.default.lines + self.via
        self.head_cache: dict[bytes, None] = {}
        self._readied: list[bytes] = []
        self._readied_before: list[bytes] = []
        self._readied_until = 0.0
        self._peek = cache.peek
        self._touch = cache.ram.touch
        self._mono = clock.mono
        self._wall = clock.wall

    def try_fast_path(self, grant: Grant, name: bytes, connection: Connection) -> bool:
        """Answer a plain, kept-alive GET for the file `name` of a granted folder, if it is a fresh hit in RAM and the
        grant holds; False: nothing was done. Of names only those in the normal form that a stored object has are taken.
        """
        node, wall, now = self.node, self._wall(), self._mono()
        if grant.rules is not node.rules or not grant.starts <= wall < grant.ends:
            return False
        if node.memo is not None and grant.keys is not node.memo.keys:
            return False
        entry = self._peek(grant.key + name, _NO_FIELDS)
        if entry is None:
            return False
        ready, body = entry.prepared, entry.body
        if ready is None or now >= ready.until:
            if entry.cold or now >= entry.fresh_until:
                return False
            ready = self.prepare_head(entry, now, grant.lines)
        if ready.cut != len(grant.key):
            return False
        if isinstance(body, bytes):
            self._touch(entry)
            sent = len(body)
            if sent <= MAX_COPIED_BODY:
                connection.transport.write(ready.head + body)
            else:
                connection.transport.writelines((ready.head, body))
        else:
            body = self._servable_file(entry, body, now)
            if body is None:
                return False
            sent = len(body)
            connection.send(ready.head, body, 0, sent)
        counts = self.counts
        counts.fast_path_hits += 1
        counts.bytes_sent += sent
        grant.tally.bytes += REQUEST + sent
        if self.log is not None:
            self.log.log_hit(grant.log, name, ready.record, wall)
        return True

    def _servable_file(self, entry: Entry, body: Body | None, now: float) -> Body | None:
        """A body that is an open file, if it may be sent: of the RAM tier, or of the disk tier and still open."""
        if body is None:
            return self.cache.reopen_body(entry, now)
        if not self.cache.is_servable(entry, body, now):
            return None
        self._touch(entry)
        return body

    def remember_grant(self, asked: RoutedRequest, permit: Permit, connection: Connection, target: bytes) -> None:
        """Remember for this connection that it may have the files of this folder."""
        node, viewer = self.node, connection.viewer
        if asked.cdn is None or not node.routes.whole_folder(asked.upstream, asked.cdn.content_id):
            return
        folder = asked.path[: asked.path.rfind(b"/") + 1].decode("ascii")
        log = self.log.line_prefix(permit.session, viewer.address, viewer.country, "GET") + folder if self.log else ""
        keys = node.memo.keys if node.memo is not None else None
        made = grant(asked, permit, node.rules, keys, log.encode(), self.popularity.tally(asked.shard))
        if made is not None:
            grants = connection.grants
            if len(grants) >= MAX_GRANTS:
                del grants[next(iter(grants))]
            grants[target[: target.rfind(b"/") + 1]] = made

    def use_routes(self, routes: Routes) -> None:
        """Other routes are in force. Grants hold for the very rules that they were given under, so these are new ones,
        equal to the old; heads that were made ready with a route's lines, all within this second and the last, go."""
        self.node.routes, self.node.rules = routes, replace(self.node.rules)
        self.lines = routes.default.lines + self.via
        for key in (*self._readied, *self._readied_before):
            for entry in self.cache.stored(key):
                entry.prepared = None
        self._readied, self._readied_before = [], []

    def prepare_head(self, entry: Entry, now: float, lines: bytes) -> PreparedHead:
        """The head of a whole hit at `now` (mono), good for as long as the object's age in whole seconds is the same
        and it is fresh. `lines`: its route's."""
        if now >= self._readied_until:
            self._readied, self._readied_before, self._readied_until = [], self._readied, now + HEAD_VALID_SECONDS
        self._readied.append(entry.key)
        if self.foresight is not None:
            self.foresight.on_head_prepared(entry, now)
        length = entry.length
        age = int(now - entry.born)
        made = head(entry, Selection(200, 0, length), length, lines + self.via)
        status = chained(entry.upstream_status, hit(self.node.name, int(entry.fresh_until - entry.born) - age))
        made += b"Age: %d\r\nCache-Status: %s\r\n\r\n" % (max(0, age), status)
        cut = entry.key.rfind(b"/") + 1
        plain = (
            entry.status == 200 and not entry.vary and not entry.refers and NAME.fullmatch(entry.key, cut) is not None
        )
        entry.prepared = PreparedHead(
            made, min(entry.born + age + 1, entry.fresh_until), cut if plain else -1, AccessLog.hit_record(length or 0)
        )
        return entry.prepared
