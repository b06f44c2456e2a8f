"""Trace ids of W3C Trace Context (the field `traceparent`). Pure."""

from __future__ import annotations

import re

TRACEPARENT = r"(?!ff|00-.{53})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*+)?"
"""The format of the field; group 1 is the trace id. Also for programs that match bytes.

Version ff is invalid, version 00 has no further parts, later versions may have some, and zero ids are invalid
(Trace Context §3.2.2).
"""
_TRACEPARENT = re.compile(TRACEPARENT, re.ASCII)


def trace_id_of(traceparent: str | None) -> str | None:
    """The trace id in a `traceparent` field; None if the field is absent or malformed."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    return match[1] if match else None
