"""What a request asks for: its token, its path in the one normal form, its cache key, its name upstream. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from edge.authorise import find_token, without_token
from edge.routes import PLAIN, Route
from edge.wire.request import Request
from kernel.paths import TOKEN_FOLDER, CdnPath, read_target
from kernel.vocabulary import Refusal

_TOKEN = re.compile(rb"/t/[\w-]+\.[\w-]+\.[\w-]*(?=/|$)")


class Asked(NamedTuple):
    """`path` is what is authorised and logged (without token), `upstream` the target that is asked upstream.

    `shard` decides which upstream: title and rendition, so that a rendition's segments stay together. `cdn` is None
    in the general profile. `route` says how requests of this kind are treated.
    """

    key: bytes
    path: bytes
    upstream: bytes
    shard: bytes
    token: bytes | None
    cdn: CdnPath | None
    route: Route = PLAIN


def came_back(node: str, cdn_loop: bytes) -> bool:
    """Whether the node's own name stands in a CDN-Loop field: it must not forward the request again (RFC 8586 §2)."""
    own = node.encode("latin-1", "replace")
    return any(member.partition(b";")[0].strip(b" \t") == own for member in cdn_loop.split(b","))


def media_route(request: Request) -> Asked | Refusal:
    """The CDN's form: `[/t/<JWT>]/cdn/<region>/<contentId>/<rest>`; the query is neither keyed nor sent upstream."""
    target = read_target(request.target)
    if isinstance(target, Refusal):
        return target
    token, path, query, cdn = target
    fields = request.fields
    if query or b"cookie" in fields or b"authorization" in fields:
        found = find_token(token, query, fields.get(b"cookie"), fields.get(b"authorization"))
        if isinstance(found, Refusal):
            return found
        token = found
    key = cdn.key
    return Asked(key, path, cdn.upstream, key[: key.rfind(b"/")], token, cdn)


def general_route(request: Request) -> Asked | Refusal:
    """Any resource: the host and the target as sent are the key and what is asked upstream."""
    target = request.target
    if (not target.startswith(b"/") and target != b"*") or b"#" in target or request.method == b"CONNECT":
        return Refusal.PATH
    key = request.fields.get(b"host", b"").lower() + target
    logged = _logged(target) if b"?" in target or TOKEN_FOLDER in target else target
    return Asked(key, logged, target, key, None, None)


def _logged(target: bytes) -> bytes:
    """A target without what looks like one of our tokens: no log holds one, whatever the profile."""
    path, _, query = target.partition(b"?")
    path, query = _TOKEN.sub(b"", path), without_token(query)
    return path + b"?" + query if query else path


def ask_for(url: str, *, general: bool) -> Asked | Refusal:
    """What a GET of a URL or path asks for: for prefetches, which nobody requested."""
    _, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    target = (slash + path if rest else url).encode("utf-8")
    request = Request(b"GET", target or b"/", {b"host": host.encode()}, 1, keep_alive=True)
    return (general_route if general else media_route)(request)
