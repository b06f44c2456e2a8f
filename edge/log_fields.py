"""The fields of an edge's access log, one JSON line a request; docs/counters.md is made from it."""

from __future__ import annotations

from kernel.log_fields import LogField

LOG_FIELDS = (
    LogField("time", "When the response was handed over, Unix seconds."),
    LogField("node", "The edge's id."),
    LogField("session", "The session of the token, or null."),
    LogField("address", "The viewer's address."),
    LogField("country", "The viewer's country by address, or null."),
    LogField("protocol", "What the viewer speaks: http/1.0, http/1.1 or h2."),
    LogField("method", "The request's method."),
    LogField("path", "The path without its token, normalised."),
    LogField("status", "The response's status."),
    LogField("bytes", "Bytes of the body that were handed to the connection."),
    LogField("trace_id", "The trace id of the request's `traceparent`, or one of our own."),
    LogField("outcome", "How the cache answered: hit, stale-hit, miss, collapsed, revalidated, pass, refused, failed."),
    LogField("reason", "Why it was refused or failed, or null."),
    LogField(
        "ms", "Milliseconds from the parsed request to the last byte handed over; 0 for a hit answered in one run."
    ),
)
