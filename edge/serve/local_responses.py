"""Responses of the edge's own making: refusals, preflights, what ends here; and the line that each request leaves."""

from __future__ import annotations

from edge.policy.locate import Viewer
from edge.policy.response_head import problem
from edge.policy.route import RoutedRequest, general_route, media_route
from edge.policy.routes import Route
from edge.serve.rights import Rights
from edge.wire.http1_server import Connection
from edge.wire.request import Malformed, Request
from kernel.auth.claims import Permit
from kernel.http.dates import format_date
from kernel.http.forwarding import reflection
from kernel.http.message import status_line
from kernel.vocabulary import REFUSAL_SENTENCES, REFUSAL_STATUS, Outcome, Refusal

CLOSE = b"Connection: close\r\n"
_KEEP = b"Connection: keep-alive\r\n"
_MESSAGE = b"Content-Type: message/http\r\nCache-Control: no-store\r\n"
_PREFLIGHT = b"HTTP/1.1 204 No Content\r\n"


class LocalResponses(Rights):
    """Says what needs no upstream and no cache."""

    def answer_preflight(
        self,
        request: Request,
        connection: Connection,
        viewer: Viewer,
        asked: RoutedRequest,
        permit: Permit,
        began: float,
    ) -> None:
        """An OPTIONS where only what is read is served, or where CORS is ours: what may be asked, by whom."""
        route, general = asked.route, self.node.profile.methods is None
        methods = self._methods() if general else b"GET, HEAD, OPTIONS"
        sent = None if route.forwards is None else route.forwards.union(route.key_fields)
        allowed = route.lines_for(request.fields) + route.cors.preflight(request.fields.get(b"origin"), methods, sent)
        made = (
            _PREFLIGHT
            + self._allow()
            + allowed
            + self.via
            + self._date_and_cache_status("preflight")
            + self.connection_line(request)
        )
        connection.transport.write(made + b"\r\n")
        connection.done()
        self.log_request(request, viewer, permit, asked.path, 204, 0, Outcome.PASS, None, began)

    def is_preflight(self, request: Request, asked: RoutedRequest) -> bool:
        """Whether a browser asks for a page whether it may, and we answer for it (the Fetch standard, §4.8)."""
        fields = request.fields
        told = b"origin" in fields and b"access-control-request-method" in fields
        return request.method == b"OPTIONS" and asked.route.cors.ours and told

    def refuse_method(
        self,
        request: Request,
        connection: Connection,
        viewer: Viewer,
        asked: RoutedRequest,
        permit: Permit,
        began: float,
    ) -> None:
        """405 (RFC 9110 §15.5.6)."""
        self._send_problem(request, connection, 405, "method", "", self._allow())
        self.log_request(request, viewer, permit, asked.path, 405, 0, Outcome.REFUSED, "method", began)

    def answer_max_forwards_zero(
        self,
        request: Request,
        connection: Connection,
        viewer: Viewer,
        asked: RoutedRequest,
        permit: Permit,
        began: float,
    ) -> None:
        """An OPTIONS or TRACE that may go no further is for us (RFC 9110 §7.6.2, §9.3.7, §9.3.8)."""
        version = b"1.1" if request.minor else b"1.0"
        body, kind = b"", self._allow()
        if request.method == b"TRACE":
            body, kind = reflection(request.method, request.target, version, request.fields), _MESSAGE
        lines = kind + self.local_header_lines("max-forwards", request) + self.connection_line(request)
        made = b"%s%sContent-Length: %d\r\n\r\n%s" % (status_line(200), lines, len(body), body)
        connection.transport.write(made)
        connection.done()
        self.log_request(request, viewer, permit, asked.path, 200, len(body), Outcome.PASS, None, began)

    def _allow(self) -> bytes:
        """What a 405 must say (RFC 9110 §15.5.6)."""
        return b"Allow: %s\r\n" % self._methods()

    def _methods(self) -> bytes:
        methods = self.node.profile.methods or (b"GET", b"HEAD", b"OPTIONS", b"POST", b"PUT", b"PATCH", b"DELETE")
        return b", ".join(sorted(methods))

    def refuse(
        self,
        request: Request,
        connection: Connection,
        viewer: Viewer,
        why: Refusal,
        path: bytes,
        permit: Permit | None,
        began: float,
    ) -> None:
        """Say no: the same form for every reason, nothing stored."""
        status = REFUSAL_STATUS[why]
        self.counts.refused(why.value)
        more = b'WWW-Authenticate: Bearer realm="matinee"\r\n' if status == 401 else b""
        more += b"Retry-After: 1\r\n" if status == 429 else b""
        self._send_problem(request, connection, status, why.value, REFUSAL_SENTENCES[why], more)
        self.log_request(request, viewer, permit, path, status, 0, Outcome.REFUSED, why.value, began)

    def refuse_malformed(self, what: Malformed, connection: Connection) -> None:
        """Bytes that are no request: answered, then the connection closes."""
        self.counts.requests += 1
        self.counts.refused(what.reason)
        lines = (
            self.local_header_lines(what.reason, what.request) + CLOSE + (self._allow() if what.status == 405 else b"")
        )
        lines += b"Retry-After: 1\r\n" if what.status == 503 else b""
        head_only = connection.by_head
        connection.transport.write(problem(what.status, what.reason, what.detail, lines, head_only=head_only))
        none = Request(b"-", b"", {}, 1, keep_alive=False)
        self.log_request(none, connection.viewer, None, b"", what.status, 0, Outcome.REFUSED, what.reason, self._mono())

    def _send_problem(
        self, request: Request, connection: Connection, status: int, reason: str, detail: str, more: bytes = b""
    ) -> None:
        lines = self.local_header_lines(reason, request) + more + self.connection_line(request)
        connection.transport.write(problem(status, reason, detail, lines, head_only=request.method == b"HEAD"))
        connection.done()

    def local_header_lines(self, why: str, request: Request | None = None) -> bytes:
        """The header lines of a response of our own making: when, and in Cache-Status why (RFC 9211 §2.8).

        They have the route's word on CORS, as far as one is known: a page must be able to read why it was refused.
        """
        lines = self.lines if request is None else self._route_of(request).lines_for(request.fields) + self.via
        return lines + self._date_and_cache_status(why)

    def _route_of(self, request: Request) -> Route:
        """The route of a request that was refused, whatever credentials it had."""
        routes = self.node.routes
        if not routes.rows:
            return routes.default
        bare = Request(b"OPTIONS", request.target, request.fields, request.minor, keep_alive=False)
        asked = general_route(bare, routes) if self.node.profile.name == "general" else media_route(bare, routes)
        return routes.default if isinstance(asked, Refusal) else asked.route

    def _date_and_cache_status(self, why: str) -> bytes:
        now = format_date(self._wall())
        return b"Date: %s\r\nCache-Status: %s; detail=%s\r\n" % (now, self.node.name, why.encode())

    def connection_line(self, request: Request) -> bytes:
        """`Connection: close`, or `keep-alive` for HTTP/1.0, where they must be said."""
        if not request.keep_alive:
            return CLOSE
        return b"" if request.minor else _KEEP

    def log_request(
        self,
        request: Request,
        viewer: Viewer,
        permit: Permit | None,
        path: bytes,
        status: int,
        sent: int,
        outcome: Outcome,
        reason: str | None,
        began: float,
    ) -> None:
        """LOG: the counter by status, and a line."""
        statuses = self.counts.statuses
        statuses[status] = statuses.get(status, 0) + 1
        if self.log is not None:
            self.log.log_request(
                request.fields.get(b"traceparent"), permit.session if permit is not None else None, viewer.address,
                viewer.country, request.method, path, status, sent, outcome.value, reason, self._mono() - began,
            )  # fmt: skip
