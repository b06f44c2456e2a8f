"""The path of a request, one line a phase; read this first.

    ROUTE       token, normal form of the path, cache key                               edge/policy/route.py
    AUTHORISE   token, scope, tier, country, licence -> Permit | Refusal                edge/policy/authorise.py
    LOOK UP     entry, now -> serve, serve stale, revalidate, fill                      edge/policy/plan.py
    FETCH       only on a miss: join the running fill or start one                      edge/fill/fetch.py
    SEND        200, 206, 304, 412, 416; which head, which bytes                        edge/policy/response_head.py
    LOG         always: counters and a line                                             edge/serve/access_log.py

Responses that the edge makes itself (refusals, preflights) are in `edge.serve.local_responses`.

`handle` is one synchronous run from the parsed request to the transport: a hit creates no task and awaits nothing. A
response that has to wait (for a fetch or a disk read) continues as a `PendingResponse`, by plain calls; it comes back
here to be served or looked up again. A request that differs from the last one only in the segment's name takes
`edge.serve.fast_path`: the same run with its decisions remembered. Over 300 lines because the path is told from top to
bottom in one place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import structlog

from cache.body import Body
from cache.cache import SegmentCache
from cache.entry import Entry
from edge.counters import Counts
from edge.fill.fetch import Fetcher
from edge.policy.authorise import Node, authorise_request
from edge.policy.locate import Locator
from edge.policy.plan import Step, follows_default_plan, plan, plan_for, why_forwarded
from edge.policy.response_head import in_path, is_plain
from edge.policy.route import RoutedRequest, Routes, general_route, is_loop, media_route
from edge.prefetch.predictor import RequestWatcher
from edge.serve.access_log import AccessLog, RequestRecorder
from edge.serve.connection_limits import ConnectionLimits
from edge.serve.fast_path import FastPath, carried_by_path
from edge.serve.local_responses import LocalResponses, is_preflight
from edge.serve.response import MAX_FILLS_JOINED, PendingResponse
from edge.serve.transaction import UNROUTED, Transaction
from edge.wire.http1_server import connection_line
from edge.wire.request import Malformed, Request
from edge.wire.response_writer import ResponseWriter, ViewerConnection
from kernel.auth.claims import ANYWHERE
from kernel.clock import Clock
from kernel.http.forwarding import ReceivedFrom, hops_left
from kernel.vocabulary import Abort, Outcome, Refusal

_SAFE = (b"GET", b"HEAD")
_ASKS_UPSTREAM = (Step.SERVE_STALE, Step.REVALIDATE, Step.ASK_HEAD)
logger = structlog.get_logger("edge")


class MissRelay(Protocol):
    """The way to the process that owns the cache."""

    def answer(self, pending: PendingResponse) -> None:
        """Have the owner answer this request."""


class RequestHandler:
    """Answers requests; one for each edge. Implements `edge.wire.http1_server.Handler`, and
    `edge.serve.response.ResponseContext` for responses that wait.
    """

    def __init__(
        self,
        node: Node,
        cache: SegmentCache,
        fetcher: Fetcher,
        locator: Locator,
        clock: Clock,
        counts: Counts,
        log: AccessLog | None,
        limits: ConnectionLimits,
        predictor: RequestWatcher | None,
    ) -> None:
        self.node = node
        self.cache = cache
        self.fetcher = fetcher
        self.clock = clock
        self.counts = counts
        self.recorder = RequestRecorder(counts, log, clock)
        self.connections: set[ViewerConnection] = set()
        self.known_heads: dict[bytes, None] = {}
        self._locator = locator
        self._limits = limits
        self._predictor = predictor
        self._responses = LocalResponses(node, clock, counts, self.recorder)
        self._fast_path = FastPath(node, cache, clock, counts, log, predictor)
        self.relay: MissRelay | None = None
        """Answers what this process cannot serve from its index; None where it owns the cache."""
        # Bound here instead of wrapped in a method: one more call would cost every hit.
        self.try_fast_path = self._fast_path.try_fast_path
        self._route = general_route if node.profile.name == "general" else media_route
        self._mono = clock.mono

    def use_routes(self, routes: Routes) -> None:
        """Put other routes in force. Grants hold only under the rules they were given under, so the rules are replaced
        by equal ones; prepared heads hold lines of the old routes, so they are made again."""
        self.node.routes, self.node.rules = routes, replace(self.node.rules)
        self._fast_path.discard_heads()

    # -- connections -------------------------------------------------------------------------------------------

    def on_connection_opened(self, connection: ViewerConnection) -> None:
        """Look up the viewer's country, once; refuse the connection if too many are open."""
        connection.viewer = self._locator.locate(connection.address)
        self.connections.add(connection)
        self.counts.connections += 1
        if not self._limits.admits(connection):
            self._responses.refuse_connection(connection)
        elif self._limits.closed:
            connection.close_after_next()

    def on_connection_closed(self, connection: ViewerConnection) -> None:
        """Forget a closed connection."""
        self.connections.discard(connection)
        self.counts.connections -= 1
        self._limits.release(connection)

    def aborted(self, connection: ViewerConnection, why: Abort, detail: str) -> None:
        """Count and log a connection that is being cut."""
        aborts = self.counts.aborts
        aborts[why.value] = aborts.get(why.value, 0) + 1
        logger.info(
            "connection-cut", reason=why.value, detail=detail, sent_out=connection.served, left=connection.unsent
        )

    def refuse_malformed(self, what: Malformed, connection: ResponseWriter) -> None:
        """Answer bytes that are not a request."""
        self._responses.refuse_malformed(what, connection)

    # -- the path of a request ---------------------------------------------------------------------------------

    def handle(self, request: Request, connection: ResponseWriter) -> None:
        """Answer one request."""
        transaction = Transaction(request, connection, connection.viewer, UNROUTED, None, self._mono())
        self.counts.requests += 1
        refusal = self._route_and_authorise(transaction)
        if refusal is not None:
            self._responses.refuse(transaction, refusal)
        elif request.method in _SAFE:
            self._look_up(transaction)
        else:
            self._handle_unsafe_method(transaction)

    def _route_and_authorise(self, transaction: Transaction) -> Refusal | None:
        """Fill in viewer, route and permit; or return why the request is refused."""
        request, connection = transaction.request, transaction.connection
        if b"x-forwarded-for" in request.fields:
            viewer = self._locator.locate(connection.address, [request.fields[b"x-forwarded-for"]])
            transaction.viewer = viewer
            if not self._limits.admits_forwarded(connection, viewer):
                return Refusal.CROWDED
        routed = self._routed(request, connection)
        if isinstance(routed, Refusal):
            return routed
        transaction.routed = routed
        if request.method == b"OPTIONS":
            permit = ANYWHERE  # a preflight carries no credentials (the Fetch standard, §4.8)
        else:
            decision = authorise_request(routed, transaction.viewer, self.node, self.clock.wall())
            if isinstance(decision, Refusal):
                return decision
            permit = decision
        transaction.permit = permit
        return None

    def _routed(self, request: Request, connection: ResponseWriter) -> RoutedRequest | Refusal:
        """Route the request. The CDN-Loop of a trusted peer (a proxy in front of us, or an edge in front of a shield)
        goes along with what is fetched for all viewers.

        Anybody else's stays among the fields only where all fields go upstream, and then makes the request one viewer's
        own. Every loop through this node shows by our own name (RFC 8586 §2).
        """
        loop = request.fields.get(b"cdn-loop")
        if loop is None:
            return self._route(request, self.node.routes)
        if is_loop(self.node.id, loop):
            return Refusal.LOOP
        trusted = self.node.is_shield or self._locator.is_trusted_proxy(connection.address)
        if trusted or self.node.profile.methods is not None:
            del request.fields[b"cdn-loop"]
        routed = self._route(request, self.node.routes)
        return (
            routed._replace(received_from=ReceivedFrom(loop=loop))
            if trusted and not isinstance(routed, Refusal)
            else routed
        )

    def _look_up(self, transaction: Transaction) -> None:
        """Serve a GET or HEAD from the cache, or start what it has to wait for."""
        request, routed, began = transaction.request, transaction.routed, transaction.began
        entry = self.cache.peek(routed.key, request.fields)
        step = plan(entry, began)
        if not follows_default_plan(request):
            if request.method == b"HEAD":
                request.fields.pop(b"range", None)  # defined for GET only (RFC 9110 §14.2)
            step = plan_for(
                request,
                entry,
                began,
                general=routed.route.forwarded_fields is None,
                honour=self.node.honours_directives,
            )
            if step is Step.NOT_CACHED and self.relay is None:
                self._responses.refuse(transaction, Refusal.NOT_CACHED)
                return
        if entry is not None and step is Step.SERVE:
            self._serve_fresh(transaction, entry)
        else:
            self._note_received_from(transaction)
            pending = PendingResponse(self, transaction)
            pending.why_forwarded = why_forwarded(request, entry, self.cache.alternates(routed.key), began)
            self._start_or_join_fill(pending, entry, step)
        if self._predictor is not None:
            self._predictor.on_request(transaction.routed, request, transaction.viewer, began)

    def _note_received_from(self, transaction: Transaction) -> None:
        """Note the viewer's address and version for upstream, on routes that forward all fields."""
        routed, connection = transaction.routed, transaction.connection
        if routed.route.forwarded_fields is None:
            version = transaction.request.version
            received_from = ReceivedFrom(version, connection.address.encode("ascii"), routed.received_from.loop)
            transaction.routed = routed._replace(received_from=received_from)

    def _serve_fresh(self, transaction: Transaction, entry: Entry) -> None:
        """Serve a hit: at once if it is a whole body in RAM under a head that is the same for all viewers."""
        request, routed, now = transaction.request, transaction.routed, transaction.began
        body = entry.body
        if body is None:
            body = self.cache.reopen_body(entry, now)
        elif not self.cache.is_servable(entry, body, now):
            body = None
        whole = request.method == b"GET" and entry.status == 200 and is_plain(request.fields)
        if body is None or not whole or routed.route.cors.origins or (entry.has_references and in_path(request.target)):
            self.serve(PendingResponse(self, transaction), entry, Outcome.HIT)
            return
        if transaction.viewer is transaction.connection.viewer and carried_by_path(request, routed):
            self._fast_path.remember_grant(transaction)
        self._send_whole(transaction, entry, body)

    def _send_whole(self, transaction: Transaction, entry: Entry, body: Body) -> None:
        """Send a whole body by reference, under a head that is made once a second."""
        request, connection, now = transaction.request, transaction.connection, transaction.began
        prepared = entry.prepared
        if prepared is None or now >= prepared.until:
            prepared = self._fast_path.prepare_head(entry, now, transaction.routed.route.header_lines)
        head = prepared.head
        if not (request.keep_alive and request.minor):
            head = head[:-2] + connection_line(request) + b"\r\n"
        sent = len(body)
        connection.send(head, body, 0, sent)
        self.cache.touch(entry)
        self.recorder.record_served(transaction, 200, sent, Outcome.HIT)
        connection.done()

    def _handle_unsafe_method(self, transaction: Transaction) -> None:
        """Pass any other method on if the profile allows all methods, else answer it here."""
        request, methods = transaction.request, self.node.profile.methods
        if methods is None and hops_left(request.method, request.fields) == 0:
            self._responses.answer_max_forwards_zero(transaction)
        elif methods is None and not is_preflight(request, transaction.routed):
            self._note_received_from(transaction)
            pending = PendingResponse(self, transaction)
            pending.why_forwarded = b"method"
            self.fetch_uncached(pending)
        elif request.method == b"OPTIONS":
            self._responses.answer_preflight(transaction)
        else:
            self._responses.refuse_method(transaction)

    # -- responses that wait ------------------------------------------------------------------------------------

    def serve(self, pending: PendingResponse, entry: Entry, outcome: Outcome, detail: bytes = b"") -> None:
        """Serve a stored response; load from disk what is not in RAM."""
        if entry.cold:
            self._load_head(pending, entry, outcome, detail)
            return
        if entry.slice:
            self._serve_slices(pending, entry, outcome, detail)
            return
        body = entry.body
        if body is not None and self.cache.is_servable(entry, body, self._mono()):
            self.cache.touch(entry)
            pending.send_stored(entry, body, outcome, detail)
            return
        if pending.needs_no_body(entry):
            pending.send_stored(entry, b"", outcome, detail)
            return

        def on_loaded(body: Body | None) -> None:
            if body is not None:
                pending.send_stored(entry, body, outcome, detail)
            elif pending.is_open:
                self._start_or_join_fill(pending, None, Step.FILL)

        self.cache.load(entry, on_loaded)

    def _serve_slices(self, pending: PendingResponse, entry: Entry, outcome: Outcome, detail: bytes) -> None:
        """Serve an object in slices; missing ones are fetched while it is sent."""
        if self.relay is not None and not self.cache.has_all_slices(entry):
            self.relay.answer(pending)
            return
        self.cache.touch(entry)
        if pending.needs_no_body(entry):
            pending.send_stored(entry, b"", outcome, detail)
        else:
            pending.send_sliced(self.fetcher.sliced_object(entry, pending.transaction.routed), outcome, detail)

    def _load_head(self, pending: PendingResponse, entry: Entry, outcome: Outcome, detail: bytes) -> None:
        """Load a head that is only on disk, then serve."""

        def on_loaded(done: bool) -> None:
            if done and pending.is_open:
                self.serve(pending, entry, outcome, detail)
            elif pending.is_open:
                self._start_or_join_fill(pending, None, Step.FILL)

        self.fetcher.load_head(entry, on_loaded)

    def retry(self, pending: PendingResponse) -> None:
        """Look up again: the fetched response was for other viewers, or another version is there now."""
        pending.tries += 1
        entry = self.cache.peek(pending.transaction.routed.key, pending.request.fields)
        step = plan(entry, self._mono())
        if pending.tries > MAX_FILLS_JOINED:
            self.fetch_uncached(pending)
        elif entry is not None and step is Step.SERVE:
            self.serve(pending, entry, Outcome.HIT)
        else:
            self._start_or_join_fill(pending, entry, step)

    def _start_or_join_fill(self, pending: PendingResponse, entry: Entry | None, step: Step) -> None:
        """Join the running fill of this key, start one, or fetch uncached where responses are not shared."""
        if self.relay is not None and not pending.relayed:
            self.relay.answer(pending)
        else:
            self._fill(pending, entry, step)

    def answer_without_owner(self, pending: PendingResponse) -> None:
        """Answer a GET or HEAD by this process alone: the owner of the cache is away, and nothing is stored."""
        entry = self.cache.peek(pending.transaction.routed.key, pending.request.fields)
        step = plan(entry, self._mono())
        self._fill(pending, entry, Step.FILL if step is Step.SERVE else step)

    def _fill(self, pending: PendingResponse, entry: Entry | None, step: Step) -> None:
        routed, fields = pending.transaction.routed, pending.request.fields
        if entry is not None and step is Step.SERVE_STALE_AS_REQUESTED:
            self.serve(pending, entry, Outcome.STALE, b"max-stale")
            return
        running = self.cache.fill_table.find(routed.key, fields, entry)
        if entry is not None and step in _ASKS_UPSTREAM:
            now = self._mono()
            detail = self.fetcher.why_serve_stale(entry, running, now)
            if detail or step is Step.SERVE_STALE:
                if running is None:
                    self.fetcher.revalidate(routed, fields, entry, now)
                self.serve(pending, entry, Outcome.STALE, detail)
                return
        if step is Step.FETCH_UNCACHED or (step is Step.ASK_HEAD and (running is None or not running.is_joinable)):
            pending.fallback_entry = entry if pending.request.method == b"HEAD" else None
            self.fetch_uncached(pending)
        elif running is not None and running.is_joinable:
            pending.follow_fill(running, collapsed=True)
        elif self.cache.is_hit_for_miss(routed.key, pending.transaction.began):
            pending.why_forwarded = b"bypass"
            self.fetch_uncached(pending)
        else:
            ranged = pending.request.method == b"GET" and pending.accepts_part
            fill = self.fetcher.start_fill(routed, fields, entry, leader=pending, ranged=ranged)
            pending.follow_fill(fill, collapsed=False)

    def fetch_uncached(self, pending: PendingResponse) -> None:
        """Fetch for one viewer; no other may join."""
        if self.relay is not None and pending.request.method not in _SAFE and not pending.relayed:
            self.relay.answer(pending)
            return
        fill = self.fetcher.fetch_uncached(pending.transaction.routed, pending.request, leader=pending)
        pending.follow_fill(fill, collapsed=False)
