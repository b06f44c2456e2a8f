"""The fields of the services' access log; docs/counters.md is generated from them."""

from __future__ import annotations

from kernel.log_fields import LogField

LOG_FIELDS = (
    LogField("event", "Always `request`; other log lines have other events and fields."),
    LogField("level", "Always `info`."),
    LogField("timestamp", "When the response was ready, ISO 8601 in UTC."),
    LogField("method", "The request's method; `other` for uncommon ones."),
    LogField("path", "The path without token and query, at most 2,048 characters."),
    LogField("route", "The path of the matching route, or `none`."),
    LogField("status", "The response's status; 499 if the viewer disconnected before it."),
    LogField("ms", "Milliseconds from the request's head to the response."),
    LogField("request_id", "The response's X-Request-Id; taken from the request if it has a valid one."),
    LogField("trace_id", "The trace id of the request's traceparent (W3C), else its request_id."),
)
