"""The interface to the licence service of encrypted titles."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Protocol

from services.playback.sessions.session import Session
from services.playback.start.eligibility import PlaybackTitle


class DrmSystem(StrEnum):
    """A DRM system that a player asks for."""

    CLEARKEY = "clearkey"
    WIDEVINE = "widevine"
    PLAYREADY = "playready"
    FAIRPLAY = "fairplay"
    NONE = "none"


class Licences(Protocol):
    """The part of the licence service that playback uses."""

    async def info(self, title: PlaybackTitle, session: Session, drm: DrmSystem | None) -> dict[str, Any]:
        """`drmLicenseInfo` of a session that is about to start; `drm` None = the player did not say.

        A value that begins with "/" is a path of the services, and becomes a URL in the response. Raises BadRequest,
        StorageFailed.
        """
