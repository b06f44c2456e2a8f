"""The fields of the origin's access log, one JSON line for each request; docs/counters.md is generated from it."""

from __future__ import annotations

from kernel.log_fields import LogField

LOG_FIELDS = (
    LogField("time", "When the response ended, ISO 8601 in UTC."),
    LogField("peer", "Address of the peer: an edge, a shield or an operator."),
    LogField("method", "The request's method; `other` for uncommon ones."),
    LogField("path", "The path without token and query, at most 2,048 characters."),
    LogField("status", "Status of the response; 499 if the peer left before it was sent."),
    LogField("bytes", "Bytes of the body sent."),
    LogField("ms", "Milliseconds from the request's head until the last byte was handed to the connection."),
    LogField("trace_id", "The trace id of the request (W3C traceparent), or null."),
)
