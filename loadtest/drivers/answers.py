"""The answer to a request, from what was read of its response. Pure."""

from urllib.parse import urlsplit

from loadtest.drivers.http1 import ResponseReader
from loadtest.drivers.served_by import served_by
from loadtest.player.requests import Answer, Fetch
from loadtest.session import Failure

MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)


def redirect_of(fetch: Fetch, reader: ResponseReader) -> str | None:
    """Where the response sends the player; None when it is final."""
    location = reader.headers.get("location")
    return location if reader.status in _REDIRECTS and fetch.body is None else None


def outcome_of(fetch: Fetch, reader: ResponseReader) -> int | Failure:
    """The status; LENGTH when the body is shorter or longer than the manifest says (a Range that was ignored)."""
    if 200 <= reader.status < 300 and fetch.size_known not in (None, reader.size):
        return Failure.LENGTH
    return reader.status


def answer_of(
    fetch: Fetch,
    url: str,
    outcome: int | Failure,
    reader: ResponseReader | None,
    *,
    ttfb_s: float | None,
    total_s: float,
    detail: str = "",
) -> Answer:
    """`url` is the address after redirects, `reader` the whole response; without one `detail` says what went wrong."""
    headers = reader.headers if reader is not None else {}
    tier, node = served_by(headers, urlsplit(url).netloc[:64])
    body = b""
    if reader is None:
        body = detail.encode()[:200]
    elif fetch.keeps_body:
        body = bytes(reader.body)
    size = reader.size if reader is not None else fetch.loaded
    return Answer(outcome, url, size, body, headers, tier, node, ttfb_s, total_s)
