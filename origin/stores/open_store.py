"""Opens the stores that the settings name, and stacks them: encryption below, then the cold tier, then the replica.

Each folder or bucket is complete by itself: it has the keys of what it holds. An object that does not decrypt in one of
them is read from another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from kernel.errors import BadSettings
from kernel.settings.store_address import STORE, StoreAddress, parse_store
from kernel.settings.table import PATH, TEXT, row_of, setting
from origin.stores.bucket import open_bucket
from origin.stores.encrypted_store import EncryptedStore
from origin.stores.folder import open_folder
from origin.stores.object_store import ObjectStore
from origin.stores.replicated_store import ReplicatedStore
from origin.stores.tiered_store import TieredStore
from origin.stores.wrapping_keys import WrappingKeys
from system.clock import SystemClock
from system.sealing import load_sealing_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """The table. Programs take their rows from here, by `store_setting`."""

    store: StoreAddress = setting(
        STORE, ".matinee/store", "The object store of the titles: a folder, or s3://BUCKET/PREFIX."
    )
    store_credentials: Path | None = setting(
        PATH,
        None,
        "File of S3 credentials in AWS's form, with a section for each bucket or [default]; it may also set region and "
        "endpoint_url. Not set: AWS's environment variables or the machine's role.",
    )
    replica_store: StoreAddress | None = setting(
        STORE, None, "A second store that gets all that is written, and is read when the first one fails."
    )
    cold_store: StoreAddress | None = setting(
        STORE, None, "A cheap store for renditions that nobody has played for `cold_after`; read on demand."
    )
    store_keys: str | None = setting(
        TEXT,
        None,
        "Master keys that encrypt the stores: a file of lines `name:key`, the newest first, or env:NAME or "
        "command:PROGRAM; not set: objects are stored as they are.",
    )


class HasStore(Protocol):
    """Settings with the rows of the table."""

    @property
    def store(self) -> StoreAddress: ...  # noqa: D102 (the table has the sentences)
    @property
    def store_credentials(self) -> Path | None: ...  # noqa: D102
    @property
    def replica_store(self) -> StoreAddress | None: ...  # noqa: D102
    @property
    def cold_store(self) -> StoreAddress | None: ...  # noqa: D102
    @property
    def store_keys(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class StoreLocations:
    """Where the stores are, as a program that is started by another one opens them; a `HasStore`."""

    store: StoreAddress
    store_credentials: Path | None = None
    replica_store: StoreAddress | None = None
    cold_store: StoreAddress | None = None
    store_keys: str | None = None

    def to_texts(self) -> dict[str, str]:
        """As JSON, with absolute paths; what is not set is left out. Holds no secrets: files do."""
        given = {row.name: getattr(self, row.name) for row in fields(self)}
        return {name: _absolute(value) for name, value in given.items() if value is not None}


def locations_of(settings: HasStore) -> StoreLocations:
    """Of the settings."""
    return StoreLocations(**{row.name: getattr(settings, row.name) for row in fields(StoreLocations)})


def parse_locations(texts: Mapping[str, str]) -> StoreLocations:
    """What `to_texts` has made. Raises BadSettings."""
    readers: dict[str, Callable[[str], Any]] = {"store_credentials": Path, "store_keys": str}
    return StoreLocations(**{name: readers.get(name, parse_store)(text) for name, text in texts.items()})


def _absolute(value: StoreAddress | Path | str) -> str:
    if isinstance(value, StoreAddress):
        return str(value if value.folder is None else value.folder.absolute())
    return str(value.absolute() if isinstance(value, Path) else value)


def store_setting(name: str) -> Any:
    """A field of a settings dataclass that is the row `name` of this table."""
    return row_of(StoreSettings, name)


@dataclass(slots=True)
class StoreEvents:
    """What programs count; each is called once for each event."""

    on_failover: Callable[[], object] = field(default=lambda: None)
    on_lag: Callable[[], object] = field(default=lambda: None)
    on_cold_read: Callable[[str], object] = field(default=lambda _: None)


@dataclass(frozen=True, slots=True)
class Stores:
    """`store` is what programs use; the others are the copies that it is made of, for upkeep."""

    store: ObjectStore
    hot: ObjectStore
    replica: ObjectStore | None = None
    cold: ObjectStore | None = None
    keys: tuple[WrappingKeys, ...] = ()
    """The wrapping keys of each copy; (): not encrypted."""
    folders: tuple[Path, ...] = ()
    """The folders among the copies."""


def open_store(settings: HasStore, environment: Mapping[str, str]) -> ObjectStore:
    """The store that the settings name, with replica, cold tier and encryption. Raises BadSettings."""
    return open_stores(settings, environment).store


def open_stores(settings: HasStore, environment: Mapping[str, str], events: StoreEvents | None = None) -> Stores:
    """The store and its copies. Raises BadSettings."""
    events = events or StoreEvents()
    source = settings.store_keys
    load = partial(load_sealing_keys, source, "store_keys", environment) if source else None
    master = load() if load else None
    addresses = {
        "store": settings.store, "replica_store": settings.replica_store, "cold_store": settings.cold_store
    }  # fmt: skip
    given = {name: address for name, address in addresses.items() if address is not None}
    _check_distinct(given)
    keys: list[WrappingKeys] = []

    def one(name: str, address: StoreAddress) -> ObjectStore:
        opened = open_one(address, settings.store_credentials, environment, name)
        if master is None:
            return opened
        keys.append(WrappingKeys(opened, master, load))
        return EncryptedStore(opened, keys[-1])

    store = hot = one("store", settings.store)
    replica = one("replica_store", settings.replica_store) if settings.replica_store else None
    cold = one("cold_store", settings.cold_store) if settings.cold_store else None
    if cold is not None:
        store = TieredStore(store, cold, events.on_cold_read)
    if replica is not None:
        store = ReplicatedStore(store, replica, SystemClock.mono, events.on_failover, events.on_lag)
    folders = tuple(address.folder for address in given.values() if address.folder is not None)
    return Stores(store, hot, replica, cold, tuple(keys), folders)


def _check_distinct(given: Mapping[str, StoreAddress]) -> None:
    """Copies in one place would be no copies, and deleting one would delete all."""
    places: dict[str, str] = {}
    for name, address in given.items():
        place = str(address.folder.resolve()) if address.folder is not None else str(address)
        other = next((known for known in places if (place + "/").startswith(known + "/")), None) or next(
            (known for known in places if (known + "/").startswith(place + "/")), None
        )
        if other is not None:
            raise BadSettings(name, f"{address} is the same place as {places[other]}, or one is inside the other")
        places[place] = name


def open_one(
    address: StoreAddress, credentials: Path | None, environment: Mapping[str, str], setting: str
) -> ObjectStore:
    """One folder or bucket. Raises BadSettings naming the setting."""
    if address.folder is not None:
        return open_folder(address.folder, setting)
    return open_bucket(address, credentials, environment, setting)
