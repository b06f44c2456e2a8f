"""Why the object store could not do what it was asked: one enum, its sentences and its HTTP statuses."""

from __future__ import annotations

from enum import StrEnum


class StoreFault(StrEnum):
    """Why the object store failed; the word is in the response, the log and the metric."""

    UNAVAILABLE = "store-unavailable"
    DENIED = "store-denied"
    FULL = "store-full"
    CONFLICT = "store-conflict"
    MISSING = "object-missing"
    DAMAGED = "object-damaged"


STORE_FAULT_STATUS = {
    StoreFault.UNAVAILABLE: 503,
    StoreFault.DENIED: 503,
    StoreFault.FULL: 503,
    StoreFault.CONFLICT: 409,
    StoreFault.MISSING: 500,
    StoreFault.DAMAGED: 500,
}
"""503 where a retry can succeed without a change of the stored objects; it then has Retry-After."""

STORE_FAULT_SENTENCES = {
    StoreFault.UNAVAILABLE: "The store does not answer, or its folder or bucket is gone.",
    StoreFault.DENIED: "The store refuses the credentials, or the user may not use the folder.",
    StoreFault.FULL: "The store has no room left.",
    StoreFault.CONFLICT: "Another writer changed the object in the meantime, and the conditional write was not done.",
    StoreFault.MISSING: "A published object is missing from the store: scrub it against its replica.",
    StoreFault.DAMAGED: "An object of the store is not what was stored: scrub it against its replica.",
}
"""What each fault means; docs/errors.md is generated from it."""

STORE_RETRY_SECONDS = 5
"""Retry-After of a 503 caused by the store."""
