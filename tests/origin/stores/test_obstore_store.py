"""Errors of obstore and of the system, as faults with one line of cause."""

import obstore
import pytest
from obstore.exceptions import GenericError, PermissionDeniedError

from kernel.store_faults import StoreFault
from origin.stores.object_store import StoreFailed
from origin.stores.obstore_store import cause_of, fault_of


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(28, "No space left on device"), StoreFault.FULL),
        (GenericError("Generic LocalFileSystem error: No space left on device (os error 28)"), StoreFault.FULL),
        (PermissionError(13, "Permission denied"), StoreFault.DENIED),
        (PermissionDeniedError("403 Forbidden"), StoreFault.DENIED),
        (GenericError("Generic LocalFileSystem error: Requested range was invalid"), StoreFault.DAMAGED),
        (GenericError("error sending request for url\n\nDebug source:\n…"), StoreFault.UNAVAILABLE),
        (OSError(5, "Input/output error"), StoreFault.UNAVAILABLE),
    ],
)
def test_the_fault_behind_an_error(error, expected):
    assert fault_of(error) is expected
    assert "\n" not in cause_of(error)
    assert cause_of(error)


async def test_the_message_names_store_and_key(make_store, monkeypatch):
    async def full(*_, **__):
        raise OSError(28, "No space left on device")

    store = make_store()
    monkeypatch.setattr(obstore, "put_async", full)
    with pytest.raises(StoreFailed, match=r"failed while writing x: the disk is full") as failed:
        await store.put("x", b"x")
    assert store.name in str(failed.value)
