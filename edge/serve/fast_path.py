"""The fast path: a fresh hit for a file in a folder that this connection was granted before.

The same decisions as in `edge.serve.handler`, each remembered with what it depends on; nothing is decided here. It
costs a third of the full path, and most requests of a player take it.

What `authorise` decides is the same for all files of a folder: it depends on the token, the folder (scope, tier), the
viewer, the rules and the time. So it is remembered as a `Grant` by the folder's URL (token included), and each hit
checks only that it still holds: the very same rules and keys are in force, and neither token nor licence has begun or
ended. A push replaces the rules as a whole, so the next request is decided in full.
"""

from __future__ import annotations

from cache.body import Body
from cache.cache import SegmentCache
from cache.entry import Entry, PreparedHead
from edge.counters import ONE_REQUEST, Counts, Tally
from edge.policy.authorise import Node
from edge.policy.response_head import Selection, head
from edge.policy.route import RoutedRequest
from edge.policy.rules import Rules
from edge.prefetch.predictor import RequestWatcher
from edge.serve.access_log import AccessLog
from edge.serve.transaction import Transaction
from edge.wire.request import Request
from edge.wire.request_template import NAME, Grant
from edge.wire.response_writer import ResponseWriter
from kernel.auth.claims import Permit
from kernel.auth.signing_keys import KeySet
from kernel.clock import Clock
from kernel.http.cache_status import chained, hit

_NO_FIELDS: dict[bytes, bytes] = {}
HEAD_VALID_SECONDS = 1.0
"""The longest that a prepared head is valid: then the object's age has changed."""
MAX_GRANTS = 16
"""Folders remembered for one connection, the newest: a player moves between a few renditions, audio and subtitles."""


class FastPath:
    """Answers plain GETs of granted folders, and makes the heads of whole hits. `predictor` None: viewers' requests
    cause no prefetch."""

    def __init__(
        self,
        node: Node,
        cache: SegmentCache,
        clock: Clock,
        counts: Counts,
        log: AccessLog | None,
        predictor: RequestWatcher | None,
    ) -> None:
        self._node = node
        self._cache = cache
        self._counts = counts
        self._log = log
        self._predictor = predictor
        # Keys whose heads were prepared in this period of HEAD_VALID_SECONDS and in the one before.
        self._prepared: list[bytes] = []
        self._prepared_before: list[bytes] = []
        self._prepared_until = 0.0
        # Bound once: each attribute look-up would cost every hit.
        self._via = node.via
        self._peek = cache.peek
        self._touch = cache.ram.touch
        self._mono = clock.mono
        self._wall = clock.wall

    def try_fast_path(self, grant: Grant, name: bytes, connection: ResponseWriter) -> bool:
        """Answer a plain, kept-alive GET for the file `name` of a granted folder, if it is a fresh hit and the grant
        holds. False: nothing was done. A name that is not in normal form finds no object with a plain head."""
        node, wall, now = self._node, self._wall(), self._mono()
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
            if sent <= connection.copies_up_to:
                connection.write(ready.head + body)
            else:
                connection.writelines((ready.head, body))
        else:
            body = self._servable_file(entry, body, now)
            if body is None:
                return False
            sent = len(body)
            connection.send(ready.head, body, 0, sent)
        counts = self._counts
        counts.fast_path_hits += 1
        counts.bytes_sent += sent
        grant.tally.bytes += ONE_REQUEST + sent
        if self._log is not None:
            self._log.log_hit(grant.log, name, ready.record, wall)
        return True

    def _servable_file(self, entry: Entry, body: Body | None, now: float) -> Body | None:
        """A body that is an open file (of the RAM tier, or of the disk tier and still open); None: not servable."""
        if body is None:
            return self._cache.reopen_body(entry, now)
        if not self._cache.is_servable(entry, body, now):
            return None
        self._touch(entry)
        return body

    def remember_grant(self, transaction: Transaction) -> None:
        """Grant this connection the other files of the folder it was just permitted, if the decision is the same for
        all."""
        node, routed, permit = self._node, transaction.routed, transaction.permit
        if (
            permit is None
            or routed.cdn is None
            or not node.routes.treats_folder_alike(routed.upstream_target, routed.cdn.content_id)
        ):
            return
        viewer = transaction.viewer
        folder = routed.path[: routed.path.rfind(b"/") + 1].decode("ascii")
        log, protocol = "", transaction.request.protocol
        if self._log is not None:
            log = self._log.line_prefix(permit.session, viewer.address, viewer.country, protocol, "GET") + folder
        keys = node.memo.keys if node.memo is not None else None
        tally = self._counts.renditions.tally(routed.shard_key)
        made = make_grant(routed, permit, node.rules, keys, log.encode(), tally)
        if made is not None:
            keep_grant(transaction.connection.grants, transaction.request.target, made)

    def discard_heads(self) -> None:
        """Make every head again at its next hit. Only those of this period and the last can still be valid."""
        for key in (*self._prepared, *self._prepared_before):
            for entry in self._cache.stored(key):
                entry.prepared = None
        self._prepared, self._prepared_before = [], []

    def prepare_head(self, entry: Entry, now: float, lines: bytes) -> PreparedHead:
        """Make the head of a whole hit at `now` (mono), valid while the object is fresh and its age in whole seconds
        stays the same. `lines`: the route's header lines."""
        if now >= self._prepared_until:
            self._prepared, self._prepared_before, self._prepared_until = [], self._prepared, now + HEAD_VALID_SECONDS
        self._prepared.append(entry.key)
        if self._predictor is not None:
            self._predictor.on_head_prepared(entry, now)
        length = entry.length
        age = int(now - entry.born)
        made = head(entry, Selection(200, 0, length), length, lines + self._via)
        status = chained(entry.upstream_status, hit(self._node.name, int(entry.fresh_until - entry.born) - age))
        made += b"Age: %d\r\nCache-Status: %s\r\n\r\n" % (max(0, age), status)
        cut = entry.key.rfind(b"/") + 1
        plain = (
            entry.status == 200
            and not entry.vary
            and not entry.has_references
            and NAME.fullmatch(entry.key, cut) is not None
        )
        entry.prepared = PreparedHead(
            made, min(entry.born + age + 1, entry.fresh_until), cut if plain else -1, AccessLog.hit_record(length or 0)
        )
        return entry.prepared


def carried_by_path(request: Request, routed: RoutedRequest) -> bool:
    """Whether the decision rests on the target alone: no token elsewhere, no query, nothing normalised."""
    fields = request.fields
    target = request.target
    return (
        target.endswith(routed.path)
        and b"?" not in target
        and b"cookie" not in fields
        and b"authorization" not in fields
    )


def keep_grant(grants: dict[bytes, Grant], target: bytes, grant: Grant) -> None:
    """Keep the grant for the folder of `target`, its URL with the token; forget the oldest of too many."""
    if len(grants) >= MAX_GRANTS:
        del grants[next(iter(grants))]
    grants[target[: target.rfind(b"/") + 1]] = grant


def make_grant(
    routed: RoutedRequest, permit: Permit, rules: Rules, keys: KeySet | None, log: bytes, tally: Tally
) -> Grant | None:
    """The grant for the folder of a request permitted just now. None if its files may be decided differently: directly
    below the title (aliases, per-tier playlists), under a scope that is not a prefix, for a session that rules name.

    The viewer must be the connection's own, which cannot change while the connection lives.
    """
    if routed.cdn is None or b"/" not in routed.cdn.rest or permit.prefix is None:
        return None
    if permit.session is not None and permit.session in rules.sessions:
        return None
    if not routed.path.endswith(routed.cdn.key):
        return None
    licence = rules.titles.get(routed.cdn.content_id.decode("ascii"))
    return Grant(
        key=routed.key[: routed.key.rfind(b"/") + 1],
        starts=max(permit.not_before, licence.opens if licence is not None else permit.not_before),
        ends=min(permit.expires, licence.closes if licence is not None else permit.expires),
        rules=rules,
        keys=keys,
        log=log,
        lines=routed.route.header_lines,
        tally=tally,
    )
