"""Quarantine over the database: it lasts, it is told, and only an operator ends it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from control.db.store import Author
from control.desired.changes import NotFound
from control.fleet.quarantine import Quarantine, all_quarantined, quarantined, release
from tests.doubles.clock import FakeClock

ME = Author("ann", 1_800_000_000.0, "its disk was put back")


async def test_it_lasts_until_an_operator_releases_the_node(open_store: Callable, clock: FakeClock) -> None:
    async with open_store() as store:
        quarantine = Quarantine(store, clock)
        await quarantine.hold("e9", "it claims version 9 of rules")
        revision = store.desired.revision
        await quarantine.hold("e9", "it claims more")  # the first reason stays, and nothing grows
        assert store.desired.revision == revision
    async with open_store() as store:
        assert quarantined(store.desired, "e9") == "it claims version 9 of rules"
        assert set(all_quarantined(store.desired)) == {"e9"}
        assert not quarantined(store.desired, "e1")
        await store.transact(lambda tx: release(tx, "e9"), ME)
        assert not quarantined(store.desired, "e9")
        with pytest.raises(NotFound, match="e9 is not in quarantine"):
            await store.transact(lambda tx: release(tx, "e9"), ME)
