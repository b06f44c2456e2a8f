"""The fields of the origin's access log, one JSON line a request; docs/counters.md is made from it."""

from __future__ import annotations

from kernel.log_fields import LogField

LOG_FIELDS = (
    LogField("time", "When the answer ended, ISO 8601 in UTC."),
    LogField("peer", "Address of the peer: an edge, a shield or an operator."),
    LogField("method", "The request's method."),
    LogField("path", "The path as asked for, at most 2,048 characters, without the query."),
    LogField("status", "Status of the answer; 499 where the peer left before it was sent."),
    LogField("bytes", "Bytes of the body sent."),
    LogField("ms", "Milliseconds from the request's head to the last byte handed to the connection."),
    LogField("trace_id", "The trace the request belongs to (W3C traceparent), or null."),
)
