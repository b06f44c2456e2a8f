"""The interface to the licence service of encrypted titles, and what stands in where there is none."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Protocol

from services.playback.eligibility import PlaybackTitle
from services.playback.session import Session


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

        Raises BadRequest, StorageFailed.
        """


class ClearContent:
    """No licence service: every title is clear."""

    async def info(self, title: PlaybackTitle, session: Session, drm: DrmSystem | None) -> dict[str, Any]:  # noqa: ARG002
        """`drmLicenseInfo` of clear content."""
        return {"type": "none", "detail": "The content is clear: no licence is needed."}
