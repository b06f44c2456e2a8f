"""Problem documents (RFC 9457) with a `reason` word: the body of every error response of every program."""

from __future__ import annotations

import msgspec

from kernel.http.message import REASONS

CONTENT_TYPE = "application/problem+json"


def problem_document(status: int, reason: str, detail: str = "", **more: object) -> bytes:
    """The JSON document. `reason` is one word for programs, `detail` a sentence for people ("": left out)."""
    title = REASONS.get(status, b"Error").decode()
    document = {"type": f"urn:matinee:problem:{reason}", "title": title, "status": status, "reason": reason}
    if detail:
        document["detail"] = detail
    return msgspec.json.encode(document | more)
