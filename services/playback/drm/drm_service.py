"""Builds DRM from the settings: the key store, the key server, Clear Key and the vendors."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import aiohttp
import structlog

from kernel.clock import Clock
from kernel.errors import BadSettings, StorageFailed
from services.counters import Counters
from services.http.route import Route
from services.playback.drm.entitlement import CommunicationKey, read_communication_key
from services.playback.drm.key_server import KeyServerRoutes
from services.playback.drm.key_store import KeyStore
from services.playback.drm.licences import LicenceInfo
from services.playback.drm.routes import LicenceRoutes, Vendors
from services.playback.drm.sessions import Sessions
from services.playback.drm.vendor import KeySystem, VendorClient
from services.storage.location import StorageSettings, locate_database
from services.storage.secrets_file import read_or_create
from system.private_files import read_secret
from system.sealing import SealingKeys, load_sealing_keys, make_key_line

log = structlog.get_logger()

RESEAL_SECONDS = 3600.0
MAX_CERTIFICATE_BYTES = 64 * 1024
_MAX_SECRET_BYTES = 4096


class DrmSettings(StorageSettings, Protocol):
    """The settings that DRM reads."""

    @property
    def drm_master_key(self) -> str | None:
        """Where the key is that seals content keys; None: a file in `data`."""

    @property
    def widevine_url(self) -> str | None:
        """The vendor's Widevine licence server."""

    @property
    def playready_url(self) -> str | None:
        """The vendor's PlayReady licence server."""

    @property
    def fairplay_url(self) -> str | None:
        """The vendor's FairPlay licence server."""

    @property
    def fairplay_certificate(self) -> Path | None:
        """FairPlay's application certificate."""

    @property
    def drm_communication_key_id(self) -> str | None:
        """The vendor's id of the communication key."""

    @property
    def drm_communication_key(self) -> Path | None:
        """The file of the communication key."""


class DrmService:
    """The parts of DRM that a process runs."""

    def __init__(self, store: KeyStore, vendors: Vendors, sessions: Sessions, clock: Clock, counters: Counters) -> None:
        self._store = store
        self._routes = (
            *KeyServerRoutes(store, clock).routes(),
            *LicenceRoutes(store, sessions, vendors, clock, counters).routes(),
        )
        self.licence_info = LicenceInfo(tuple(str(system) for system in vendors.clients))

    def routes(self) -> tuple[Route, ...]:
        """The route tables of the key server and of licences."""
        return self._routes

    async def reseal_keys(self) -> None:
        """Seal keys of an older master key under the current one, for ever: another process may still write such."""
        while True:
            try:
                resealed = await self._store.reseal()
                if resealed:
                    log.info("content-keys-resealed", keys=resealed)
            except StorageFailed as error:
                log.warning("content-keys-not-resealed", error=str(error))
            await asyncio.sleep(RESEAL_SECONDS)


async def open_drm(
    settings: DrmSettings,
    sessions: Sessions,
    client: aiohttp.ClientSession,
    clock: Clock,
    counters: Counters,
    stack: AsyncExitStack,
) -> DrmService:
    """Open the key store and read the secrets; `stack` closes it. Raises BadSettings, StorageFailed."""
    store = KeyStore(locate_database(settings, "drm"), load_master_key(settings, os.environ))
    await store.open()
    stack.push_async_callback(store.close)
    urls = {
        KeySystem.WIDEVINE: settings.widevine_url,
        KeySystem.PLAYREADY: settings.playready_url,
        KeySystem.FAIRPLAY: settings.fairplay_url,
    }
    clients = {system: VendorClient(system, url, client, clock, counters) for system, url in urls.items() if url}
    vendors = Vendors(clients, _communication_key(settings), _certificate(settings))
    return DrmService(store, vendors, sessions, clock, counters)


def load_master_key(settings: DrmSettings, environment: Mapping[str, str]) -> SealingKeys:
    """The master key of the setting, else of DATA/drm-master.key, which is made if absent. Raises BadSettings."""
    source = settings.drm_master_key
    if source is None:
        path = settings.data / "drm-master.key"
        read_or_create(path, lambda: make_key_line("first"), "drm_master_key")
        source = str(path)
    return load_sealing_keys(source, "drm_master_key", environment)


def _communication_key(settings: DrmSettings) -> CommunicationKey | None:
    key_id, path = settings.drm_communication_key_id, settings.drm_communication_key
    if (key_id is None) != (path is None):
        missing = "drm_communication_key" if path is None else "drm_communication_key_id"
        raise BadSettings(missing, "is missing: the vendor needs both the key and its id")
    if key_id is None or path is None:
        return None
    try:
        text = read_secret(path, "drm_communication_key", _MAX_SECRET_BYTES).decode("ascii")
        return read_communication_key(key_id, text)
    except OSError as error:
        raise BadSettings("drm_communication_key", f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadSettings("drm_communication_key", f"{path} must hold base64") from None
    except ValueError as error:
        raise BadSettings("drm_communication_key", f"{path}: {error}") from None


def _certificate(settings: DrmSettings) -> bytes | None:
    path = settings.fairplay_certificate
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            found = file.read(MAX_CERTIFICATE_BYTES + 1)
    except OSError as error:
        raise BadSettings("fairplay_certificate", f"{path} cannot be read: {error.strerror}") from None
    if not found:
        raise BadSettings("fairplay_certificate", f"{path} is empty")
    if len(found) > MAX_CERTIFICATE_BYTES:
        raise BadSettings("fairplay_certificate", f"{path} is larger than {MAX_CERTIFICATE_BYTES >> 10} KiB")
    return found
