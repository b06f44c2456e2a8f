"""An object store in an S3 bucket: credentials, time limits, conditional writes by the server."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore as Client
from obstore.store import S3Store

from kernel.errors import BadSettings
from kernel.settings.store_address import StoreAddress
from kernel.store_faults import StoreFault
from origin.stores.object_store import ABSENT, StoreFailed
from origin.stores.obstore_store import ObstoreStore, cause_of
from system.s3_access import client_options, load_access

PROBE = "mark.json"
CHECK_SECONDS = 2.0


def open_bucket(
    address: StoreAddress, credentials: Path | None, environment: Mapping[str, str], setting: str = "store"
) -> ObstoreStore:
    """The store in a bucket; nothing is asked of the server yet. Raises BadSettings naming the setting."""
    access = load_access(address.bucket, credentials, environment)
    try:
        client = S3Store(address.bucket, prefix=address.prefix or None, **client_options(access))
    except (BaseError, ValueError) as error:
        raise BadSettings(setting, f"{address} cannot be used: {cause_of(error)}") from None
    return ObstoreStore(str(address), client, BucketMedium(str(address), client))


class BucketMedium:
    """The bucket; conditional writes are If-None-Match and If-Match of S3."""

    def __init__(self, name: str, client: Client) -> None:
        self._name = name
        self._client = client
        self._good_until = 0.0

    async def put_if(self, key: str, data: bytes, expected: str) -> str:
        """The server compares; exactly one of several writers wins."""
        if expected == ABSENT:
            return (await obstore.put_async(self._client, key, data, mode="create"))["e_tag"] or ""
        return (await obstore.put_async(self._client, key, data, mode={"e_tag": expected}))["e_tag"] or ""

    async def check(self) -> None:
        """Fail if the bucket does not exist or refuses us; asked at most every CHECK_SECONDS.

        A HEAD that finds nothing has no body, so it cannot tell a missing bucket from a missing object; a GET can.
        """
        if time.monotonic() < self._good_until:
            return
        try:
            await obstore.get_async(self._client, PROBE)
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise StoreFailed(StoreFault.UNAVAILABLE, f"{self._name}: the bucket does not exist") from None
        self._good_until = time.monotonic() + CHECK_SECONDS

    async def delete(self, keys: list[str]) -> None:
        """Delete objects, many in one request."""
        for start in range(0, len(keys), 1000):
            await obstore.delete_async(self._client, keys[start : start + 1000])

    async def make_durable(self, keys: list[str]) -> None:
        """A stored object of S3 is durable."""
