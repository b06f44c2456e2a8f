"""The fields of the line that the services log for each request; docs/counters.md is made from it."""

from __future__ import annotations

from kernel.log_fields import LogField

LOG_FIELDS = (
    LogField("event", "`request`; other lines are about other things and have fields of their own."),
    LogField("level", "`info`, as for every request."),
    LogField("timestamp", "When the answer was ready, ISO 8601 in UTC."),
    LogField("method", "The request's method; `other` for one that HTTP does not know well."),
    LogField("path", "The path without its token and its query, at most 300 characters."),
    LogField("route", "The path of the table that answered it, or `none`."),
    LogField("status", "Status of the answer; 499 where the viewer left before it."),
    LogField("ms", "Milliseconds from the request's head to the answer."),
    LogField("request_id", "The answer's X-Request-Id; the request's own where it had one."),
    LogField("trace_id", "The trace the request belongs to (W3C traceparent), else its request_id."),
)
