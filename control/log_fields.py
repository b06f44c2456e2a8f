"""The fields of the line that control logs for each HTTP request; docs/counters.md is made from it."""

from __future__ import annotations

from kernel.log_fields import LogField

LOG_FIELDS = (
    LogField("event", "`request`; other lines are about other things and have fields of their own."),
    LogField("level", "`info`, as for every request."),
    LogField("timestamp", "When the answer was ready, ISO 8601 in UTC."),
    LogField("peer", "Address of the operator or of the proxy before them."),
    LogField("method", "The request's method."),
    LogField("path", "The path without its query, at most 300 characters."),
    LogField("status", "Status of the answer; 499 where the operator left before it."),
    LogField("ms", "Milliseconds from the request's head to the answer."),
    LogField("trace_id", "The trace the request belongs to (W3C traceparent), or null."),
)
