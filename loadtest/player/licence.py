"""The licence of an encrypted title: asked for once, and there is no picture before it has come. Pure.

Clear Key is asked for as the W3C says (EME §9.1.4): the key ids in JSON. Other key systems take a challenge that only a
device can make; a run that is to load their licence server is given one, and sends it as it is.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import NamedTuple

from loadtest.player.requests import Answer, Fetch
from loadtest.player.settings import PlayerSettings
from loadtest.session import RequestKind

CLEAR_KEY = "clearkey"
MAX_KEYS = 100
_WORTH_REPEATING = (408, 425, 429)


class Protection(NamedTuple):
    """What a title's manifest or the gateway says of its licence."""

    system: str
    """`clearkey`, `widevine` and so on."""
    url: str
    key_ids: tuple[bytes, ...] = ()


class LicenceUnavailable(ValueError):
    """These players cannot make the request; the message says what is missing."""


def read_protection(found: object, base: str) -> Protection | None:
    """`drmLicenseInfo` of the gateway; None when the title is clear. `base` is what a relative URL is joined to."""
    if not isinstance(found, dict) or found.get("type") in (None, "none"):
        return None
    url, listed = found.get("licenseUrl"), found.get("keyIds", [])
    if not isinstance(url, str) or not isinstance(listed, list):
        raise ValueError("drmLicenseInfo has no licenseUrl, or its keyIds are no list")  # noqa: TRY004
    return Protection(str(found["type"]), base + url if url.startswith("/") else url, key_ids_of(listed))


def key_ids_of(listed: list[object]) -> tuple[bytes, ...]:
    """Key ids in hexadecimal, with or without dashes. Raises ValueError."""
    if len(listed) > MAX_KEYS:
        raise ValueError(f"more than {MAX_KEYS} key ids")
    try:
        found = tuple(dict.fromkeys(binascii.unhexlify(str(one).replace("-", "")) for one in listed))
    except ValueError:
        found = (b"",)
    if any(len(one) != 16 for one in found):
        raise ValueError("a key id is not 16 bytes in hexadecimal")
    return found


def protection_of(settings: PlayerSettings, key_ids: tuple[bytes, ...]) -> Protection | None:
    """What a run against a foreign CDN says: a licence URL, for the key ids that the manifest names."""
    return Protection(settings.drm or CLEAR_KEY, settings.licence_url, key_ids) if settings.licence_url else None


def licence_request(protection: Protection, settings: PlayerSettings) -> tuple[bytes, str]:
    """Body and content type. Raises LicenceUnavailable."""
    if settings.licence_challenge:
        return base64.b64decode(settings.licence_challenge), "application/octet-stream"
    if protection.system != CLEAR_KEY:
        raise LicenceUnavailable(
            f"a licence of {protection.system} takes a device's challenge: set player.licence_challenge, in base64"
        )
    if not protection.key_ids:
        raise LicenceUnavailable("nothing names the key ids of the title, so no Clear Key licence can be asked for")
    return json.dumps({"kids": [_text(one) for one in protection.key_ids], "type": "temporary"}).encode(), _JSON


_JSON = "application/json"


def missing_keys(protection: Protection, body: bytes) -> list[str]:
    """The key ids that a Clear Key licence lacks. Raises ValueError when it is none."""
    found = json.loads(body)
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list):
        raise ValueError("the licence has no list of keys")  # noqa: TRY004
    held = {one.get("kid") for one in keys if isinstance(one, dict) and one.get("k")}
    return [one.hex() for one in protection.key_ids if _text(one) not in held]


def _text(key_id: bytes) -> str:
    return base64.urlsafe_b64encode(key_id).rstrip(b"=").decode()


@dataclass(slots=True)
class LicenceLoader:
    """Loads the licence of one session; the same backing off as for segments."""

    protection: Protection
    settings: PlayerSettings
    is_held: bool = False
    retry_s: float | None = 0.0
    """When to ask (again); None while the request is on its way, and once the licence is held."""
    failures: int = 0

    def plan(self, now: float) -> Fetch | None:
        """The request to send now. Raises LicenceUnavailable."""
        if self.retry_s is None or self.retry_s > now:
            return None
        self.retry_s = None
        body, form = licence_request(self.protection, self.settings)
        return Fetch(
            RequestKind.LICENCE,
            self.protection.url,
            now,
            headers=(("Content-Type", form),),
            body=body,
            keeps_body=True,
            timeout_s=self.settings.timeout_s,
        )

    def on_answer(self, fetch: Fetch, answer: Answer, now: float) -> str | None:
        """Returns a sentence when the title cannot be unlocked."""
        if not answer.is_ok:
            self.failures += 1
            final = 400 <= answer.status < 500 and answer.status not in _WORTH_REPEATING
            if final or self.failures >= self.settings.max_failures:
                return f"licence failed {self.failures} times, last with {answer.outcome}: {fetch.url}"
            delay_s = self.settings.retry_delay_s * 2 ** (self.failures - 1)
            self.retry_s = now + min(delay_s, self.settings.max_retry_delay_s)
            return None
        if self.protection.system == CLEAR_KEY and not self.settings.licence_challenge:
            try:
                missing = missing_keys(self.protection, answer.body)
            except ValueError as error:
                return f"no Clear Key licence: {error}"
            if missing:
                return f"the licence lacks the keys {', '.join(missing[:4])}"
        self.is_held = True
        return None
