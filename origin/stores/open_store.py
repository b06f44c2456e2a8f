"""Opens the store that the settings name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kernel.settings.table import PATH, row_of, setting
from origin.stores.bucket import open_bucket
from origin.stores.folder import open_folder
from origin.stores.object_store import ObjectStore
from origin.stores.store_address import STORE, StoreAddress


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


class HasStore(Protocol):
    """Settings with the rows of the table."""

    @property
    def store(self) -> StoreAddress: ...  # noqa: D102 (the table has the sentence)
    @property
    def store_credentials(self) -> Path | None: ...  # noqa: D102


def store_setting(name: str) -> Any:
    """A field of a settings dataclass that is the row `name` of this table."""
    return row_of(StoreSettings, name)


def open_store(settings: HasStore, environment: Mapping[str, str]) -> ObjectStore:
    """The store that the settings name. Raises BadSettings."""
    return open_one(settings.store, settings.store_credentials, environment, "store")


def open_one(
    address: StoreAddress, credentials: Path | None, environment: Mapping[str, str], setting: str
) -> ObjectStore:
    """One folder or bucket. Raises BadSettings naming the setting."""
    if address.folder is not None:
        return open_folder(address.folder, setting)
    return open_bucket(address, credentials, environment, setting)
