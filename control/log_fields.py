"""The fields of control's access log; docs/counters.md is generated from them."""

from __future__ import annotations

from kernel.log_fields import LogField

LOG_FIELDS = (
    LogField("event", "Always `request`; other log lines have other events and fields."),
    LogField("level", "Always `info`."),
    LogField("timestamp", "When the response was ready, ISO 8601 in UTC."),
    LogField("peer", "Address of the operator, or of the proxy in front of them."),
    LogField("method", "The request's method; `other` for uncommon ones."),
    LogField("path", "The path without its query, at most 2,048 characters."),
    LogField("status", "The response's status; 499 if the operator disconnected before it."),
    LogField("ms", "Milliseconds from the request's head to the response."),
    LogField("trace_id", "The trace id of the request's traceparent (W3C), or null."),
)
