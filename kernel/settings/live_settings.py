"""The settings of an edge that control can change while it runs, and their checks. Pure.

A settings document is a JSON object in the form of the settings file: `{"default_ttl": "60s", "route": [{...}]}`. It
overrides the settings that the edge was started with; a setting that it omits keeps its start value. Control checks a
document here before it sends it; the edge checks it again, together with what only the edge knows (its profile and
certificates).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kernel.documents import BadDocument, kind_of
from kernel.errors import BadSettings
from kernel.settings.route import MAX_ROUTES, MAX_SLICE, MIN_SLICE, RouteSettings
from kernel.settings.table import (
    AUTO_OR_INTEGER,
    DURATION,
    INTEGER,
    NUMBER,
    SIZE,
    choice,
    given,
    row_of,
    setting,
    table,
    tables,
    tables_of,
)
from kernel.time_window import WINDOW, Window
from kernel.upstreams.upstream_url import UPSTREAM

MAX_UPSTREAMS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """The table; `edge.settings` takes its rows from it through `live`."""

    upstream: tuple[str, ...] = setting(
        UPSTREAM, None, "Shield or origin to fill from; several share the titles, by weight.", many=True
    )
    admission: str = setting(
        choice("always", "second"),
        "always",
        "Whether an object is written to disk when it is first fetched (always) or fetched again (second).",
    )
    default_ttl: float = setting(
        DURATION, "0s", "How long a response without explicit freshness is kept; 0: not at all.", most=86400 * 365
    )
    set_cookie: str = setting(
        choice("strip", "keep", "pass"),
        "strip",
        "What happens to Set-Cookie in a response with explicit freshness (general profile): strip stores the response "
        "without it and sends it only to the viewer whose request caused the fetch, keep sends it to all (RFC 9111 to "
        "the letter), pass does not store the response.",
    )
    request_directives: str = setting(
        choice("ignore", "honour"),
        "ignore",
        "Whether viewers' Cache-Control may cause upstream requests for fresh objects (no-cache, max-age, min-fresh) "
        "or accept stale ones (max-stale); only-if-cached and no-store always count.",
    )
    slice: int = setting(
        SIZE,
        "1MiB",
        "Size of the aligned slices in which large objects are cached.",
        least=MIN_SLICE,
        most=MAX_SLICE,
    )
    slice_over: int = setting(SIZE, "8MiB", "Objects larger than this are cached in slices; 0: none are.")
    drain: float = setting(DURATION, "30s", "How long running responses may take to finish at a stop.", most=3600)
    max_object: int = setting(
        SIZE, "64GiB", "Larger objects are passed through; neither they nor parts of them are stored.", least=1 << 16
    )
    fill_wait: float = setting(
        DURATION,
        "3s",
        "How long viewers wait for the head of a fetch before all but the first share another one.",
        least=0.01,
        most=600,
    )
    stale_wait: float = setting(
        DURATION,
        "2s",
        "How long viewers wait for a revalidation before they get a stale response that may stand in for an error.",
        most=600,
    )
    max_connections: int = setting(INTEGER, "20000", "Viewers connected at a time; more are turned away.", least=1)
    max_connections_per_address: int | None = setting(
        AUTO_OR_INTEGER,
        "auto",
        "Connections of one address (IPv6: one /64) at a time; more are turned away; auto: a quarter of the node's; "
        "0: any number. Trusted proxies are exempt, and their requests count for the viewer; with auto so is loopback.",
    )
    max_handshakes: int = setting(
        INTEGER,
        "2048",
        "TLS handshakes at a time; above that the oldest is closed. One address may have a quarter of them.",
        least=4,
    )
    handshake_timeout: float = setting(DURATION, "10s", "How long a TLS handshake may take.", least=1, most=3600)
    body_memory: int = setting(
        SIZE,
        "64MiB",
        "Bytes of request bodies held at a time, on all connections; above that a request with a body gets 503.",
        least=1 << 20,
    )
    head_timeout: float = setting(
        DURATION,
        "10s",
        "How long a whole request head, or the first byte of a new connection, may take.",
        least=1,
        most=3600,
    )
    idle_timeout: float = setting(
        DURATION, "75s", "How long a connection may wait for its next request.", least=1, most=86400
    )
    stall_timeout: float = setting(
        DURATION, "60s", "How long a viewer may read nothing of their response.", least=1, most=86400
    )
    upstream_connect: float = setting(
        DURATION, "3s", "How long connecting to an upstream may take.", least=0.01, most=60
    )
    upstream_first_byte: float = setting(
        DURATION, "10s", "How long an upstream's response head may take.", least=0.01, most=600
    )
    upstream_idle: float = setting(
        DURATION, "15s", "How long an upstream's body may stand still.", least=0.01, most=600
    )
    upstream_total: float = setting(
        DURATION,
        "10m",
        "How long an upstream's whole response may take, plus a second per 16 KiB; 0: no limit.",
        most=86400,
    )
    upstream_connections: int = setting(INTEGER, "512", "Connections to each upstream at a time.", least=1, most=65536)
    prefetch: str = setting(
        choice("next", "cmcd", "both", "off"),
        "both",
        "What is fetched before players ask: the playlist's next segment, what players name in CMCD, or both.",
    )
    prefetch_depth: int = setting(INTEGER, "1", "How many segments ahead of a player are fetched.", least=1, most=8)
    prefetch_rate: int = setting(SIZE, "64MiB", "Bytes per second for prefetches of hot titles and jobs; 0: no limit.")
    prefetch_disk_share: float = setting(
        NUMBER,
        "0.25",
        "Share of the disk tier for those prefetches (of RAM if there is no disk tier).",
        least=0,
        most=1,
    )
    prefetch_window: Window = setting(
        WINDOW,
        "always",
        "When, in local time, hot titles and jobs are prefetched; sudden rises are prefetched at any time.",
    )
    route: tuple[RouteSettings, ...] = tables(
        RouteSettings, "How requests of one kind are treated; the first route that matches applies.", most=MAX_ROUTES
    )


NAMES = (*(row.name for row in table(LiveSettings)), *(row.name for row in tables_of(LiveSettings)))
"""The names of the settings that can be pushed."""


def live(name: str) -> Any:
    """A field of a settings dataclass that is the row `name` of this table."""
    return row_of(LiveSettings, name)


def check_settings(document: object, where: str = "") -> dict[str, object]:
    """The document with all names in one form (underscores). Raises BadDocument naming the setting and the fault."""
    if not isinstance(document, Mapping):
        raise BadDocument(where, f"must be an object, not {kind_of(document)}")
    made: dict[str, object] = {}
    for key, value in document.items():
        name = str(key).replace("-", "_")
        if name not in NAMES:
            raise BadDocument(
                where, f"`{str(key)[:80]}` is no setting that can be pushed; there are {', '.join(NAMES)}"
            )
        if name in made:
            raise BadDocument(where, f"`{key}` stands twice, with a dash and with an underscore")
        made[name] = value
    try:
        found = given(LiveSettings, made, where)
    except BadSettings as error:
        raise BadDocument("", str(error)) from None
    if len(found.get("upstream", ())) > MAX_UPSTREAMS:
        raise BadDocument(where, f"setting `upstream`: at most {MAX_UPSTREAMS} may be")
    return made


def values(document: Mapping[str, object]) -> dict[str, Any]:
    """The values of a checked document, in the types of the settings."""
    return given(LiveSettings, document, "from control")
