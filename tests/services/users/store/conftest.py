"""The users' store, open, on both engines."""

import pytest

from kernel.vocabulary import Tier
from services.users.account import Plan
from services.users.store.user_store import UserStore

NOW = 1_800_000_000.0
LATER = NOW + 1_000
PLAN = Plan(Tier.HD, 2)


@pytest.fixture
async def store(database_address):
    store = UserStore(database_address, b"lookup")
    await store.open()
    yield store
    await store.close()


async def sign_up(store, email="ann@example.org"):
    return await store.accounts.create_account(email, "hash", "DE", PLAN, "Ann", NOW)
