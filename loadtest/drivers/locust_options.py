"""What Locust's command line says of the players, and the viewers that its users play.

It imports no Locust, whose import replaces the standard library's sockets.
"""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import Any
from urllib.parse import urlsplit

from kernel.errors import BadSettings
from loadtest.drivers.gevent_checks import GeventBodyChecks
from loadtest.drivers.shared_manifests import SharedManifests
from loadtest.player.cmcd import CmcdMode
from loadtest.player.player import Player
from loadtest.player.settings import Format, PlayerSettings, settings_of
from loadtest.population.viewers import Population, viewers
from loadtest.session import UNLIMITED, Viewer
from system.clock import SystemClock

MANIFESTS = (".m3u8", ".mpd")
TITLES_PAGE = 100
BATCH = 1_000
"""Viewers drawn at once."""
_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class LocustOptions:
    """What the command line of `locust` says of the players."""

    host: str
    settings: PlayerSettings
    fields: Mapping[str, str]
    speed: float = 1.0
    seed: int = 1
    watch_s: float | None = None
    buffer_s: float | None = None
    sessions: int | None = None
    """The run stops when a process has played so many."""
    origin: str = ""
    """Base address of an origin to compare segments with; empty: they are not compared."""
    unlimited: bool = False
    """Play over lines without limit instead of the population's."""
    verify_tls: bool = True


def add_arguments(parser: Any) -> None:
    """Locust's own parser gets the players' options."""
    group = parser.add_argument_group("players")
    group.add_argument("--abr", default="hls.js", help="hls.js, bola, or fixed:BPS")
    group.add_argument("--cmcd", default="off", choices=[mode.value for mode in CmcdMode])
    group.add_argument("--format", default="hls", choices=[one.value for one in Format])
    group.add_argument("--send-events", action="store_true", help="send CMCD events to the gateway")
    group.add_argument("--header", action="append", default=[], metavar="'K: V'", help="sent with each request")
    group.add_argument("--carry-query", action="store_true", help="repeat the playlist's query on every address")
    group.add_argument("--watch-seconds", type=float, help="each viewer leaves after so much film")
    group.add_argument("--sessions", type=int, help="stop when each process has played so many")
    group.add_argument("--buffer-seconds", type=float, help="film to keep buffered; default: by the viewer's device")
    group.add_argument("--origin", default="", metavar="URL", help="compare each segment with this origin's")
    group.add_argument("--unlimited", action="store_true", help="lines without limit")
    group.add_argument("--speed", type=float, default=1.0, help="story seconds a second")
    group.add_argument("--seed", type=int, default=1)
    group.add_argument("--report-json", metavar="FILE", help="write the report of `matinee loadtest` to this file")
    group.add_argument("--report-html", metavar="FILE", help="write it as a page")
    group.add_argument("--insecure", action="store_true", help="accept any certificate")


def options_of(parsed: Any, host: str) -> LocustOptions:
    """From what Locust has parsed. Raises BadSettings."""
    if urlsplit(host).scheme not in ("http", "https"):
        raise BadSettings("host", f"{host!r} is no address of a playlist or a gateway", "flag --host")
    fields = {}
    for line in parsed.header:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise BadSettings("header", f"{line!r} is not 'Name: value'", "flag --header")
        fields[name.strip()] = value.strip()
    found = {
        "abr": parsed.abr,
        "cmcd": parsed.cmcd,
        "format": parsed.format,
        "sends_events": parsed.send_events,
        "carries_query": parsed.carry_query,
        "gateway": "" if is_manifest(host) else host.rstrip("/"),
    }
    try:
        settings = settings_of(found)
    except ValueError as error:
        raise BadSettings("player", str(error), "flags of locust") from None
    return LocustOptions(
        host,
        settings,
        fields,
        speed=parsed.speed,
        seed=parsed.seed,
        watch_s=parsed.watch_seconds,
        buffer_s=parsed.buffer_seconds,
        sessions=parsed.sessions,
        origin=_checked_origin(parsed.origin),
        unlimited=parsed.unlimited,
        verify_tls=not parsed.insecure,
    )


def _checked_origin(url: str) -> str:
    if url and urlsplit(url).scheme not in ("http", "https"):
        raise BadSettings("origin", f"{url!r} is no address of an origin", "flag --origin")
    return url


def is_manifest(url: str) -> bool:
    """Whether a URL is that of a playlist or MPD."""
    return urlsplit(url).path.lower().endswith(MANIFESTS)


def find_titles(options: LocustOptions, tls: ssl.SSLContext) -> Sequence[str]:
    """The playlist that the host is, or the contentIds that the gateway lists. Raises BadSettings."""
    if is_manifest(options.host):
        return (options.host,)
    base = options.settings.gateway
    fields = dict(options.fields)
    try:
        with _open(base + "/", fields, tls) as page:
            # The page gives guests the cookie that the list needs.
            fields.setdefault("Cookie", (page.headers.get("Set-Cookie") or "").partition(";")[0])
        with _open(f"{base}/titles?limit={TITLES_PAGE}", fields, tls) as answer:
            found = [str(row["contentId"]) for row in json.load(answer)["titles"] if row.get("playable", True)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSettings(
            "host", f"neither a playlist nor a gateway that lists titles: {error}", "flag --host"
        ) from None
    if not found:
        raise BadSettings("host", "the gateway lists no title that can be played", "flag --host")
    return tuple(found)


def _open(url: str, fields: Mapping[str, str], tls: ssl.SSLContext) -> Any:
    request = urllib.request.Request(url, headers={name: text for name, text in fields.items() if text})  # noqa: S310 - http by options_of
    return urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=tls if url.startswith("https") else None)  # noqa: S310


def drawn(options: LocustOptions, titles: Sequence[str], seed: int) -> Iterator[Viewer]:
    """Viewers without end; each process draws others by its seed."""
    for batch in count():
        for viewer in viewers(Population(), titles, players=BATCH, seconds=3600.0, seed=hash((seed, batch))):
            changed = replace(viewer, number=batch * BATCH + viewer.number, arrival_s=0.0)
            if options.watch_s is not None:
                changed = replace(changed, watch_s=options.watch_s, actions=(), start_position_s=0.0)
            if options.buffer_s is not None:
                changed = replace(changed, device=replace(changed.device, buffer_goal_s=options.buffer_s))
            yield replace(changed, network=UNLIMITED) if options.unlimited else changed


class Audience:
    """What the users of one process share."""

    def __init__(self, options: LocustOptions, process: int) -> None:
        self.options = options
        self.tls = ssl.create_default_context()
        if not options.verify_tls:
            self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
        self.titles = find_titles(options, self.tls)
        self.checks = GeventBodyChecks(options.origin, self.tls) if options.origin else None
        self.manifests = SharedManifests()
        self.played = 0
        self.clock = SystemClock()
        self.random = Random(f"locust/{options.seed}/{process}")
        self.viewers = drawn(options, self.titles, options.seed * 1_000 + process)

    def player(self) -> Player:
        """The next viewer's."""
        session_id = f"{self.random.getrandbits(128):032x}"
        return Player(
            next(self.viewers), self.options.settings, session_id, wall_s=self.clock.wall(), reader=self.manifests
        )
