"""THE STORY of a request, one line a phase; read this first.

    route       what is asked for: token, path in its normal form, cache key            edge/policy/route.py
    AUTHORISE   token, scope, tier, country, licence -> Permit | Refusal                edge/policy/authorise.py
    LOOK UP     entry, now -> serve, serve stale, revalidate, fill                      edge/policy/plan.py
    FETCH       only on a miss: join the running fill or begin one                      edge/fill/fetch.py
    SEND        200, 206, 304, 412, 416; which head, which bytes                        edge/policy/response_head.py
    LOG         always: counters and a line                                             edge/serve/access_log.py

Refusals and other answers of our own making stand in `edge.serve.local_responses`.

`handle` is one straight synchronous run from the parsed request to the transport: a hit makes no task and waits for
nothing. What has to wait (a miss, a disk read) goes on in a `PendingResponse`, told by plain calls. A request that
differs from the last one only in the name of the segment takes `edge.serve.fast_path`, the same run with its
decisions remembered. Over 300 lines because the story is told from top to bottom in one place.
"""

from __future__ import annotations

import structlog

from cache.body import Body
from cache.cache import SegmentCache
from cache.entry import Entry
from edge.counters import Counts
from edge.fill.fetch import Fetcher
from edge.policy.locate import Locator, Viewer
from edge.policy.node import Node
from edge.policy.plan import Step, ordinary, plan, plan_for, why_forwarded
from edge.policy.references import in_path
from edge.policy.response_head import plain, problem
from edge.policy.route import RoutedRequest, general_route, is_loop, media_route
from edge.serve.access_log import AccessLog
from edge.serve.connection_limits import ConnectionLimits
from edge.serve.local_responses import CLOSE, LocalResponses
from edge.serve.request_template import carried_by_path
from edge.serve.response import MAX_FILLS_JOINED, PendingResponse
from edge.wire.http1_server import Connection
from edge.wire.request import Request
from kernel.auth.claims import ANYWHERE, Permit
from kernel.clock import Clock
from kernel.http.forwarding import ReceivedFrom, hops_left
from kernel.vocabulary import Abort, Outcome, Refusal

_SAFE = (b"GET", b"HEAD")
logger = structlog.get_logger("edge")
_ASKS_FOR_NEWS = (Step.SERVE_STALE, Step.REVALIDATE, Step.ASK_HEAD)
_FULL = "too-many-connections"


class RequestHandler(LocalResponses):
    """Answers requests; one for each edge. Implements `edge.wire.http1_server.Handler`."""

    def __init__(
        self,
        node: Node,
        cache: SegmentCache,
        fetcher: Fetcher,
        locator: Locator,
        clock: Clock,
        counts: Counts,
        log: AccessLog | None,
        crowd: ConnectionLimits,
    ) -> None:
        super().__init__(node, cache, clock, counts, log)
        self.fetcher = fetcher
        self.connections: set[Connection] = set()
        self._locator = locator
        self._crowd = crowd
        self._route = general_route if node.profile.name == "general" else media_route

    # -- connections -------------------------------------------------------------------------------------------

    def on_connection_opened(self, connection: Connection) -> None:
        """A viewer connected: his country is looked up once."""
        connection.viewer = self._locator.locate(connection.address)
        self.connections.add(connection)
        self.counts.connections += 1
        if not self._crowd.admits(connection):
            connection.transport.write(
                problem(503, _FULL, "", self.local_header_lines(_FULL) + b"Retry-After: 1\r\n" + CLOSE)
            )
            connection.finish()

    def on_connection_closed(self, connection: Connection) -> None:
        """He is gone."""
        self.connections.discard(connection)
        self.counts.connections -= 1
        self._crowd.release(connection)

    def aborted(self, connection: Connection, why: Abort, detail: str) -> None:
        """He is cut off."""
        aborts = self.counts.aborts
        aborts[why.value] = aborts.get(why.value, 0) + 1
        logger.info(
            "connection cut", reason=why.value, detail=detail, sent_out=connection.served, left=connection.unsent
        )

    # -- the story ---------------------------------------------------------------------------------------------

    def handle(self, request: Request, connection: Connection) -> None:
        """Answer one request."""
        began = self._mono()
        self.counts.requests += 1
        viewer, why = connection.viewer, None
        if b"x-forwarded-for" in request.fields:
            viewer, why = self._forwarded_for(request.fields[b"x-forwarded-for"], connection)
        asked = self._asked(request, connection) if why is None else why
        if isinstance(asked, Refusal):
            self.refuse(request, connection, viewer, asked, b"", None, began)
            return
        permit = ANYWHERE if request.method == b"OPTIONS" else self._authorise(asked, viewer)
        if isinstance(permit, Refusal):
            self.refuse(request, connection, viewer, permit, asked.path, None, began)
            return
        if request.method not in _SAFE:
            self._handle_unsafe_method(request, connection, viewer, asked, permit, began)
            return
        entry = self.cache.peek(asked.key, request.fields)
        step = plan(entry, began)
        if not ordinary(request):
            if request.method == b"HEAD":
                request.fields.pop(b"range", None)  # it has a meaning for GET alone (RFC 9110 §14.2)
            step = plan_for(request, entry, began, general=asked.route.forwards is None, honour=self.node.honours)
            if step is Step.NOTHING:
                self.refuse(request, connection, viewer, Refusal.NOT_CACHED, asked.path, permit, began)
                return
        if entry is not None and step is Step.SERVE:
            self._serve_fresh(request, connection, viewer, asked, permit, entry, began)
        else:
            asked = self._note_received_from(asked, request, connection)
            delivery = PendingResponse(self, request, connection, viewer, asked, permit, began)
            delivery.why_forwarded = why_forwarded(request, entry, self.cache.alternates(asked.key), began)
            self._start_or_join_fill(delivery, entry, step)
        if self.foresight is not None:
            self.foresight.on_request(asked, request, viewer, began)

    def _forwarded_for(self, told: bytes, connection: Connection) -> tuple[Viewer, Refusal | None]:
        """Whom a proxy asks for, and whether too much is under way for them."""
        viewer = self._locator.locate(connection.address, [told])
        return viewer, None if self._crowd.admits_forwarded(connection, viewer) else Refusal.CROWDED

    def _asked(self, request: Request, connection: Connection) -> RoutedRequest | Refusal:
        """What is asked for, and with it the CDN-Loop that goes along with what is fetched for all: that of a peer who
        is believed, a proxy before us, or an edge of the fleet before a shield.

        Anybody else's stays among the fields only where all of them go upstream, and then makes the request one
        viewer's own. Every loop that leads through this node shows by our own name (RFC 8586 §2).
        """
        told = request.fields.get(b"cdn-loop")
        if told is None:
            return self._route(request, self.node.routes)
        if is_loop(self.node.id, told):
            return Refusal.LOOP
        believed = self.node.for_edges or self._locator.trusts(connection.address)
        if believed or self.node.profile.methods is not None:
            del request.fields[b"cdn-loop"]
        asked = self._route(request, self.node.routes)
        return asked._replace(came=ReceivedFrom(loop=told)) if believed and not isinstance(asked, Refusal) else asked

    def _note_received_from(self, asked: RoutedRequest, request: Request, connection: Connection) -> RoutedRequest:
        """What upstream is told of the way that a request came, where it gets all that the viewer sent."""
        if asked.route.forwards is not None:
            return asked
        version = b"1.1" if request.minor else b"1.0"
        return asked._replace(came=ReceivedFrom(version, connection.address.encode("ascii"), asked.came.loop))

    def _serve_fresh(
        self,
        request: Request,
        connection: Connection,
        viewer: Viewer,
        asked: RoutedRequest,
        permit: Permit,
        entry: Entry,
        began: float,
    ) -> None:
        """A hit: at once where all of a body in RAM is sent under a head that is the same for everybody."""
        body = entry.body
        if body is None:
            body = self.cache.reopen_body(entry, began)
        elif not self.cache.is_servable(entry, body, began):
            body = None
        whole = request.method == b"GET" and entry.status == 200 and plain(request.fields)
        if body is None or not whole or asked.route.cors.origins or (entry.refers and in_path(request.target)):
            self.serve(PendingResponse(self, request, connection, viewer, asked, permit, began), entry, Outcome.HIT)
            return
        if viewer is connection.viewer and carried_by_path(request, asked):
            self.remember_grant(asked, permit, connection, request.target)
        self._serve_whole(request, connection, viewer, asked, permit, entry, body, began)

    def _serve_whole(
        self,
        request: Request,
        connection: Connection,
        viewer: Viewer,
        asked: RoutedRequest,
        permit: Permit,
        entry: Entry,
        body: Body,
        now: float,
    ) -> None:
        """A whole hit in RAM: the head is made once a second, the body goes by reference."""
        ready = entry.prepared
        if ready is None or now >= ready.until:
            ready = self.prepare_head(entry, now, asked.route.lines)
        head = ready.head
        if not (request.keep_alive and request.minor):
            head = head[:-2] + self.connection_line(request) + b"\r\n"
        connection.send(head, body, 0, len(body))
        self.cache.touch(entry)
        counts = self.counts
        counts.hits += 1
        sent = len(body)
        counts.bytes_sent += sent
        self.count(request, asked, sent)
        connection.done()
        self.log_request(request, viewer, permit, asked.path, 200, sent, Outcome.HIT, None, now)

    # -- what is not the straight run --------------------------------------------------------------------------

    def serve(self, delivery: PendingResponse, entry: Entry, outcome: Outcome, detail: bytes = b"") -> None:
        """Serve a stored response; what of it is not in RAM is brought from disk."""
        if entry.cold:
            self._load_head(delivery, entry, outcome, detail)
            return
        if entry.slice:
            self._serve_slices(delivery, entry, outcome, detail)
            return
        body = entry.body
        if body is not None and self.cache.is_servable(entry, body, self._mono()):
            self.cache.touch(entry)
            delivery.send_stored(entry, body, outcome, detail)
            return
        if delivery.needs_no_body(entry):
            delivery.send_stored(entry, b"", outcome, detail)
            return

        def loaded(body: Body | None) -> None:
            delivery.set_waiting(False)
            if body is not None:
                delivery.send_stored(entry, body, outcome, detail)
            elif delivery.client_connected:
                self._start_or_join_fill(delivery, None, Step.FILL)

        delivery.set_waiting(True)
        self.cache.load(entry, loaded)

    def _serve_slices(self, delivery: PendingResponse, entry: Entry, outcome: Outcome, detail: bytes) -> None:
        """An object in slices: those that are missing are fetched on the way."""
        self.cache.touch(entry)
        if delivery.needs_no_body(entry):
            delivery.send_stored(entry, b"", outcome, detail)
        else:
            delivery.send_sliced(self.fetcher.slicing(entry, delivery.asked), outcome, detail)

    def _load_head(self, delivery: PendingResponse, entry: Entry, outcome: Outcome, detail: bytes) -> None:
        """Its head is only on disk: bring it first."""

        def warmed(done: bool) -> None:
            delivery.set_waiting(False)
            if done and delivery.client_connected:
                self.serve(delivery, entry, outcome, detail)
            elif delivery.client_connected:
                self._start_or_join_fill(delivery, None, Step.FILL)

        delivery.set_waiting(True)
        self.fetcher.load_head(entry, warmed)

    def retry(self, delivery: PendingResponse) -> None:
        """Ask anew: what he waited for was not for him, or is another version now."""
        delivery.tries += 1
        entry = self.cache.peek(delivery.asked.key, delivery.request.fields)
        step = plan(entry, self._mono())
        if delivery.tries > MAX_FILLS_JOINED:
            self.fetch_uncached(delivery)
        elif entry is not None and step is Step.SERVE:
            self.serve(delivery, entry, Outcome.HIT)
        else:
            self._start_or_join_fill(delivery, entry, step)

    def _start_or_join_fill(self, delivery: PendingResponse, entry: Entry | None, step: Step) -> None:
        """Join the fill that runs for this key, begin one, or go alone where answers are not for sharing."""
        asked = delivery.asked
        if entry is not None and step is Step.TAKE_STALE:
            self.serve(delivery, entry, Outcome.STALE, b"max-stale")
            return
        running = self.cache.fill_table.find(asked.key, delivery.request.fields, entry)
        if entry is not None and step in _ASKS_FOR_NEWS:
            now = self._mono()
            instead = self.fetcher.stands_in(entry, running, now)
            if instead or step is Step.SERVE_STALE:
                if running is None:
                    self.fetcher.revalidate(asked, delivery.request.fields, entry, now)
                self.serve(delivery, entry, Outcome.STALE, instead)
                return
        if step is Step.FETCH_UNCACHED or (step is Step.ASK_HEAD and (running is None or not running.joinable)):
            delivery.fallback_entry = entry if delivery.request.method == b"HEAD" else None
            self.fetch_uncached(delivery)
        elif running is not None and running.joinable:
            delivery.follow_fill(running, collapsed=True)
        elif self.cache.goes_alone(asked.key, delivery.began):
            delivery.why_forwarded = b"bypass"
            self.fetch_uncached(delivery)
        else:
            ranged = delivery.request.method == b"GET" and delivery.parts
            fill = self.fetcher.start_fill(asked, delivery.request.fields, entry, leader=delivery, ranged=ranged)
            delivery.follow_fill(fill, collapsed=False)

    def fetch_uncached(self, delivery: PendingResponse) -> None:
        """A fetch for one viewer, which nobody else may join."""
        fill = self.fetcher.fetch_uncached(delivery.asked, delivery.request, leader=delivery)
        delivery.follow_fill(fill, collapsed=False)

    def _handle_unsafe_method(
        self,
        request: Request,
        connection: Connection,
        viewer: Viewer,
        asked: RoutedRequest,
        permit: Permit,
        began: float,
    ) -> None:
        methods = self.node.profile.methods
        if methods is None and hops_left(request.method, request.fields) == 0:
            self.answer_max_forwards_zero(request, connection, viewer, asked, permit, began)
        elif methods is None and not self.is_preflight(request, asked):
            asked = self._note_received_from(asked, request, connection)
            delivery = PendingResponse(self, request, connection, viewer, asked, permit, began)
            delivery.why_forwarded = b"method"
            self.fetch_uncached(delivery)
        elif request.method == b"OPTIONS":
            self.answer_preflight(request, connection, viewer, asked, permit, began)
        else:
            self.refuse_method(request, connection, viewer, asked, permit, began)
