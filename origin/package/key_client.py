"""The client of the key server: asks for a publication's content keys and DRM systems' data (SPEKE v2: CPIX over HTTP).

The API key travels in a header and the content keys in the body, so an unencrypted connection is for this machine only.
No error names a key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import aiohttp
import msgspec
import stamina

from httpd.bounded_body import read_at_most
from kernel.errors import BadSettings, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.http.door_rules import is_loopback
from kernel.media.content_keys import EncryptedContent, EncryptionScheme, KeyLabel
from kernel.media.cpix import (
    CONTENT_TYPE,
    MAX_DOCUMENT_BYTES,
    SPEKE_VERSION,
    KeyRequest,
    KeyResponse,
    read_response,
    write_request,
)
from kernel.media.drm_signals import DrmSystem
from origin.package.encryption import Encryption
from system.private_files import read_secret

PATH = "/drm/speke/v2.0/copyProtection"
ATTEMPTS = 4
WAIT_SECONDS = 0.5
TIMEOUT = aiohttp.ClientTimeout(total=10, sock_connect=3)
_MAX_KEY_FILE = 4096
_RETRIED = frozenset((429, 500, 502, 503, 504))


class _TryAgain(Exception):
    """A failure that may pass."""


@dataclass(frozen=True)
class KeyServer:
    """The key server at `url`; `api_key` "" for one that needs none (the services' insecure_dev)."""

    url: str
    api_key: str = field(repr=False)

    def fetch_encryption(
        self, content: EncryptedContent, labels: Sequence[KeyLabel], scheme: EncryptionScheme
    ) -> Encryption:
        """The keys of a publication; a repeated call gets the same ones. Raises BadSettings, UpstreamFailed."""
        got = asyncio.run(self._fetch(_key_request(content, labels, scheme)))
        by_label = {key.label: key for key in got.keys}
        if set(by_label) != set(labels):
            wanted = ", ".join(sorted(labels))
            raise _failed(f"the key server {self.url} returned keys for other labels than {wanted}")
        keys = {label: by_label[label] for label in labels}
        ivs = {label: got.ivs[key.key_id] for label, key in keys.items() if key.key_id in got.ivs}
        given = {label: got.signals[key.key_id] for label, key in keys.items() if key.key_id in got.signals}
        return Encryption(scheme, keys, ivs, given)

    async def _fetch(self, request: KeyRequest) -> KeyResponse:
        body = write_request(request)
        try:
            async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
                async for attempt in stamina.retry_context(
                    on=(_TryAgain, aiohttp.ClientConnectionError, TimeoutError),
                    attempts=ATTEMPTS,
                    wait_initial=WAIT_SECONDS,
                    timeout=None,
                ):
                    with attempt:
                        return read_response(await self._post(session, body))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _failed(f"the key server {self.url} cannot be reached ({type(error).__name__})") from None
        except _TryAgain as error:
            raise _failed(str(error)) from None
        except ValueError as error:
            raise _failed(f"the key server {self.url} returned no usable CPIX document: {error}") from None
        raise AssertionError("stamina either returned or raised")

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> bytes:
        headers = {"Content-Type": CONTENT_TYPE, "X-Speke-Version": SPEKE_VERSION}
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        async with session.post(self.url + PATH, data=body, headers=headers, allow_redirects=False) as got:
            answer = await read_at_most(got.content, MAX_DOCUMENT_BYTES + 1)
            if got.status in (401, 403):
                why = f"is refused by the key server {self.url}: it must hold the services' API key"
                raise BadSettings("key_server_key_file", why)
            if got.status in _RETRIED:
                raise _TryAgain(f"the key server {self.url} answered {got.status}{_reason(answer)}")
            if got.status != 200:
                raise _failed(f"the key server {self.url} answered {got.status}{_reason(answer)}")
            if got.headers.get("X-Speke-Version") != SPEKE_VERSION:
                raise _failed(f"{self.url} is not a key server that speaks SPEKE {SPEKE_VERSION}")
            return answer


def _key_request(content: EncryptedContent, labels: Sequence[KeyLabel], scheme: EncryptionScheme) -> KeyRequest:
    """A request for keys and for what the server's DRM systems are to be told of them."""
    proposed = {label: uuid5(NAMESPACE_URL, f"urn:matinee:{content}:{label}").hex for label in labels}
    cbcs = scheme is EncryptionScheme.CBCS
    systems = (DrmSystem.WIDEVINE, DrmSystem.PLAYREADY, *((DrmSystem.FAIRPLAY,) if cbcs else ()))
    return KeyRequest(content, proposed, scheme, systems=dict.fromkeys(labels, systems))


def open_key_server(url: str, key_file: Path) -> KeyServer:
    """The key server of the settings; a key file that does not exist means no API key. Raises BadSettings."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise BadSettings(
            "key_server", f"{url} must be https://, since keys travel over it; http:// is for this machine"
        )
    try:
        text = read_secret(key_file, "key_server_key_file", _MAX_KEY_FILE).decode("ascii").strip()
    except FileNotFoundError:
        return KeyServer(url, "")
    except OSError as error:
        raise BadSettings("key_server_key_file", f"{key_file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadSettings("key_server_key_file", f"{key_file} does not hold an API key") from None
    if not text or any(letter.isspace() for letter in text):
        raise BadSettings("key_server_key_file", f"{key_file} does not hold one API key")
    return KeyServer(url, text)


def _failed(detail: str) -> UpstreamFailed:
    return UpstreamFailed(UpstreamReason.KEY_SERVER, detail=detail)


def _reason(body: bytes) -> str:
    """The sentence of a problem document, as `: sentence`."""
    try:
        detail = msgspec.json.decode(body)["detail"]
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, KeyError):
        return ""
    return f": {detail[:300]}" if isinstance(detail, str) else ""
