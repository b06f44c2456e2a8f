"""Reads the access-log lines that nodes and log shippers send in bulk; what cannot be stored is named. Pure.

A line loses the viewer's address: what viewers saw is known by session, and an address is nobody's business after the
request. Tokens are removed as from every report.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.events.batches import Batch, Rejected

MAX_LOG_BYTES = 512 * 1024
MAX_LOG_LINES = 2_000
MAX_LOG_LINE_BYTES = 16 * 1024
MAX_LOG_SESSIONS = 1_000
ADDRESS_FIELDS = ("address", "client_ip", "remote_addr", "ip")

_encoder = msgspec.json.Encoder()
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)


def read_log_lines(body: bytes) -> Batch:
    """A body of `POST /logs/bulk`: JSON objects one a line, a JSON list of them, or `{"logs": […]}`.

    Raises ValueError for a body with none or too many, or one that is no JSON.
    """
    lines = _lines(body)
    if not 0 < len(lines) <= MAX_LOG_LINES:
        raise ValueError(f"a body has 1 to {MAX_LOG_LINES} log lines, not {len(lines)}")
    kept: list[bytes] = []
    sessions: dict[str, None] = {}
    rejected: list[Rejected] = []
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LOG_LINE_BYTES:
            rejected.append(Rejected(number, f"is longer than {MAX_LOG_LINE_BYTES} bytes"))
            continue
        try:
            fields = _objects.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            rejected.append(Rejected(number, f"is no JSON object: {error}"))
            continue
        session = _session_of(fields)
        if session and session not in sessions and len(sessions) == MAX_LOG_SESSIONS:
            rejected.append(Rejected(number, f"a body names at most {MAX_LOG_SESSIONS} sessions"))
            continue
        if session:
            sessions[session] = None
        for name in ADDRESS_FIELDS:
            fields.pop(name, None)
        kept.append(_encoder.encode(fields))
    return Batch(b"\n".join(kept), len(kept), tuple(sessions), tuple(rejected))


def _session_of(fields: dict[str, msgspec.Raw]) -> str:
    raw = fields.get("session")
    try:
        return _text.decode(raw)[:128] if raw is not None else ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""  # null: the request had no token


def _lines(body: bytes) -> Sequence[bytes]:
    start = body.lstrip()[:1]
    try:
        if start == b"[":
            return [bytes(raw) for raw in _raws.decode(body)]
        if start == b"{" and (whole := _whole_object(body)) is not None:
            return [bytes(raw) for raw in _raws.decode(whole["logs"])] if "logs" in whole else [body.strip()]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the body is no list of log lines: {error}") from None
    return [line for line in body.split(b"\n") if line.strip()]


def _whole_object(body: bytes) -> dict[str, msgspec.Raw] | None:
    """The body as one object; None when there is more than one, as in JSON lines."""
    try:
        return _objects.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
