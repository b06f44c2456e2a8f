"""The platform's `/playback/start`, as a player uses it. Pure."""

import json
from typing import NamedTuple
from urllib.parse import quote, urljoin, urlsplit

from loadtest.player.licence import Protection, read_protection
from loadtest.player.settings import Format, PlayerSettings
from loadtest.session import Viewer

MIN_HEARTBEAT_S = 1.0


class Started(NamedTuple):
    """A session that the gateway has started."""

    url: str
    others: tuple[str, ...]
    """The same manifest at other edges, best first."""
    session_id: str
    content_id: str
    heartbeat_s: float | None
    resume_s: float
    protection: Protection | None = None
    """None: the title is clear."""


def is_address(title: str) -> bool:
    """Whether a viewer's title is the address of a manifest; else it is a contentId."""
    return title.startswith(("http://", "https://"))


def start_url(viewer: Viewer, settings: PlayerSettings) -> str:
    """Of `/playback/start` for the viewer's title."""
    query = f"contentId={quote(viewer.title, safe='')}&format={settings.format.value}"
    query += f"&drm={quote(settings.drm, safe='')}" if settings.drm else ""
    return f"{settings.gateway}/playback/start?{query}&device={quote(viewer.device.name, safe='')}"


def read_start(body: bytes, asked: str, format: Format) -> Started:  # noqa: A002 - the parameter's name in the API
    """The answer to the request of `asked`. Raises ValueError saying which field is missing."""
    found = json.loads(body)
    if not isinstance(found, dict):
        raise TypeError("the answer of /playback/start is no JSON object")
    # The contract names streamUrl; dashUrl is given besides it where both formats are published.
    dash, hls = found.get("dashUrl"), found.get("streamUrl")
    url = dash if format is Format.DASH and isinstance(dash, str) else hls
    if not isinstance(url, str) or not isinstance(found.get("sessionId"), str):
        raise ValueError("the answer of /playback/start has no streamUrl or no sessionId")  # noqa: TRY004
    edges = found.get("edges")
    others = [one for one in edges if isinstance(one, str)] if isinstance(edges, list) and url is hls else []
    beat, resume = found.get("heartbeatInterval"), found.get("resumePosition")
    return Started(
        url=urljoin(asked, url),
        others=tuple(one for one in others if one != url),
        session_id=found["sessionId"],
        content_id=str(found.get("contentId", "")),
        heartbeat_s=max(MIN_HEARTBEAT_S, float(beat)) if isinstance(beat, int | float) else None,
        resume_s=max(0.0, float(resume)) if isinstance(resume, int | float) else 0.0,
        protection=read_protection(found.get("drmLicenseInfo"), "{0.scheme}://{0.netloc}".format(urlsplit(asked))),
    )
