"""What `GET /playback/start` says about licences: `drmLicenseInfo`. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kernel.errors import BadRequest
from kernel.media.content_keys import KeyLabel, is_entitled
from kernel.vocabulary import Tier

CLEAR_KEY = "clearkey"
SESSION_PARAMETER = "session"


class TitleEncryption(Protocol):
    """How a title is encrypted."""

    @property
    def scheme(self) -> str:
        """The protection scheme."""

    @property
    def key_ids(self) -> Sequence[tuple[str, str]]:
        """(label, key id in hexadecimal)."""


class EncryptedTitle(Protocol):
    """The part of a title that licences use."""

    @property
    def encryption(self) -> TitleEncryption | None:
        """None: the title is clear."""


class LicencedSession(Protocol):
    """The part of a session that licences use."""

    @property
    def session_id(self) -> str:
        """Its id."""

    @property
    def tier(self) -> Tier | None:
        """Its tier; None = no limit."""


@dataclass(frozen=True, slots=True)
class LicenceInfo:
    """The licence services of this platform: Clear Key, and the vendors' `systems`."""

    systems: Collection[str] = ()

    async def info(self, title: EncryptedTitle, session: LicencedSession, drm: str | None) -> dict[str, Any]:
        """`drmLicenseInfo` of a session: `drm` is the key system that the player asked for, None = any.

        `licenseUrl` and `certificateUrl` are paths of the gateway; `keyIds` are those that the session may have. Raises
        BadRequest (409) if the player cannot play what is encrypted, or no vendor is set for its system.
        """
        encryption = title.encryption
        if encryption is None:
            return {"type": "none", "detail": "The content is clear: no licence is needed."}
        system = drm or CLEAR_KEY
        if system == "none":
            raise BadRequest(409, "drm-needed", "This title is protected, and this player cannot unlock it.")
        if system != CLEAR_KEY and system not in self.systems:
            raise BadRequest(409, "drm-not-offered", "This title cannot be unlocked on this device.")
        allowed = [key_id for label, key_id in encryption.key_ids if _may_have(session.tier, label)]
        url = f"/drm/{system}?{SESSION_PARAMETER}={session.session_id}"
        info = {"type": system, "licenseUrl": url, "keyIds": allowed, "scheme": encryption.scheme}
        return info | ({"certificateUrl": "/drm/fairplay"} if system == "fairplay" else {})


def _may_have(tier: Tier | None, label: str) -> bool:
    return label in KeyLabel.__members__ and is_entitled(tier, KeyLabel(label))
