"""Responses that the edge makes itself, without cache and upstream: refusals, preflights, OPTIONS and TRACE."""

from __future__ import annotations

from edge.counters import Counts
from edge.policy.authorise import Node
from edge.policy.response_head import problem
from edge.policy.route import Route, RoutedRequest, general_route, media_route
from edge.serve.access_log import RequestRecorder
from edge.serve.transaction import UNROUTED, Transaction
from edge.wire.http1_server import CLOSE_LINE, connection_line
from edge.wire.request import Malformed, Request
from edge.wire.response_writer import ResponseWriter, ViewerConnection
from kernel.clock import Clock
from kernel.http.dates import format_date
from kernel.http.forwarding import reflection
from kernel.http.message import status_line
from kernel.vocabulary import REFUSAL_SENTENCES, REFUSAL_STATUS, Outcome, Refusal

_MESSAGE = b"Content-Type: message/http\r\nCache-Control: no-store\r\n"
_PREFLIGHT = b"HTTP/1.1 204 No Content\r\n"
_RETRY_LATER = b"Retry-After: 1\r\n"
_TOO_MANY_CONNECTIONS = "too-many-connections"


def is_preflight(request: Request, routed: RoutedRequest) -> bool:
    """Whether this is a CORS preflight that the edge answers itself (the Fetch standard, §4.8)."""
    fields = request.fields
    asks = b"origin" in fields and b"access-control-request-method" in fields
    return request.method == b"OPTIONS" and routed.route.cors.is_handled_here and asks


class LocalResponses:
    """Writes each response to its connection and records the request."""

    def __init__(self, node: Node, clock: Clock, counts: Counts, recorder: RequestRecorder) -> None:
        self._node = node
        self._clock = clock
        self._counts = counts
        self._recorder = recorder

    # -- refusals ----------------------------------------------------------------------------------------------

    def refuse(self, transaction: Transaction, why: Refusal) -> None:
        """Send the problem response of this refusal; it is never stored."""
        status = REFUSAL_STATUS[why]
        self._counts.count_refusal(why.value)
        more = b'WWW-Authenticate: Bearer realm="matinee"\r\n' if status == 401 else b""
        more += _RETRY_LATER if status == 429 else b""
        self._send_problem(transaction, status, why.value, REFUSAL_SENTENCES[why], more)

    def refuse_method(self, transaction: Transaction) -> None:
        """405 with Allow (RFC 9110 §15.5.6)."""
        self._send_problem(transaction, 405, "method", "", self._allow())

    def refuse_malformed(self, what: Malformed, connection: ResponseWriter) -> None:
        """Answer bytes that are not a request; the connection closes afterwards."""
        self._counts.requests += 1
        self._counts.count_refusal(what.reason)
        lines = self._header_lines(what.reason, what.request) + CLOSE_LINE
        lines += self._allow() if what.status == 405 else b""
        lines += _RETRY_LATER if what.status == 503 else b""
        head_only = connection.is_head
        connection.write(problem(what.status, what.reason, what.detail, lines, head_only=head_only))
        none = Request(b"-", b"", {}, 1, keep_alive=False)
        transaction = Transaction(none, connection, connection.viewer, UNROUTED, None, self._clock.mono())
        self._recorder.record_request(transaction, what.status, 0, Outcome.REFUSED, what.reason)

    def refuse_connection(self, connection: ViewerConnection) -> None:
        """503 before any request, because too many connections are open; nothing more is read."""
        lines = self._header_lines(_TOO_MANY_CONNECTIONS) + _RETRY_LATER + CLOSE_LINE
        connection.refuse(problem(503, _TOO_MANY_CONNECTIONS, "", lines))

    def _send_problem(self, transaction: Transaction, status: int, reason: str, detail: str, more: bytes = b"") -> None:
        request, connection = transaction.request, transaction.connection
        lines = self._header_lines(reason, request) + more + connection_line(request)
        connection.write(problem(status, reason, detail, lines, head_only=request.method == b"HEAD"))
        connection.done()
        self._recorder.record_request(transaction, status, 0, Outcome.REFUSED, reason)

    # -- OPTIONS and TRACE -------------------------------------------------------------------------------------

    def answer_preflight(self, transaction: Transaction) -> None:
        """204 to an OPTIONS that the edge answers itself: which methods and fields, from which origins."""
        request, route = transaction.request, transaction.routed.route
        methods = self._methods() if self._node.profile.methods is None else b"GET, HEAD, OPTIONS"
        sent = None if route.forwarded_fields is None else route.forwarded_fields.union(route.key_fields)
        made = (
            _PREFLIGHT
            + self._allow()
            + route.lines_for(request.fields)
            + route.cors.preflight(request.fields.get(b"origin"), methods, sent)
            + self._node.via
            + self._date_and_cache_status("preflight")
            + connection_line(request)
        )
        transaction.connection.write(made + b"\r\n")
        transaction.connection.done()
        self._recorder.record_request(transaction, 204, 0, Outcome.PASS)

    def answer_max_forwards_zero(self, transaction: Transaction) -> None:
        """200 to an OPTIONS or TRACE that may go no further (RFC 9110 §7.6.2, §9.3.7, §9.3.8)."""
        request = transaction.request
        body, kind = b"", self._allow()
        if request.method == b"TRACE":
            body, kind = reflection(request.method, request.target, request.version, request.fields), _MESSAGE
        lines = kind + self._header_lines("max-forwards", request) + connection_line(request)
        made = b"%s%sContent-Length: %d\r\n\r\n%s" % (status_line(200), lines, len(body), body)
        transaction.connection.write(made)
        transaction.connection.done()
        self._recorder.record_request(transaction, 200, len(body), Outcome.PASS)

    # -- header lines ------------------------------------------------------------------------------------------

    def _allow(self) -> bytes:
        return b"Allow: %s\r\n" % self._methods()

    def _methods(self) -> bytes:
        methods = self._node.profile.methods or (b"GET", b"HEAD", b"OPTIONS", b"POST", b"PUT", b"PATCH", b"DELETE")
        return b", ".join(sorted(methods))

    def _header_lines(self, why: str, request: Request | None = None) -> bytes:
        """Date, Via, the reason in Cache-Status (RFC 9211 §2.8), and the route's CORS lines: without them a page
        cannot read why it was refused."""
        if request is None:
            lines = self._node.routes.default.header_lines
        else:
            lines = self._route_of(request).lines_for(request.fields)
        return lines + self._node.via + self._date_and_cache_status(why)

    def _route_of(self, request: Request) -> Route:
        """The route of a refused request, whatever credentials it had."""
        routes = self._node.routes
        if not routes.rows:
            return routes.default
        # An OPTIONS is routed without a token, so a refused token does not hide the route.
        bare = Request(b"OPTIONS", request.target, request.fields, request.minor, keep_alive=False)
        routed = general_route(bare, routes) if self._node.profile.name == "general" else media_route(bare, routes)
        return routes.default if isinstance(routed, Refusal) else routed.route

    def _date_and_cache_status(self, why: str) -> bytes:
        now = format_date(self._clock.wall())
        return b"Date: %s\r\nCache-Status: %s; detail=%s\r\n" % (now, self._node.name, why.encode())
