"""The users' service over a store on both engines, and another service's store of personal data."""

import pytest
from argon2 import PasswordHasher

from kernel.auth.signing_keys import SigningKey, generate_ed25519_pem
from kernel.errors import StorageFailed
from kernel.vocabulary import Tier
from services.users.access_token import AccessTokens
from services.users.account import Plan
from services.users.leaving import Leaving
from services.users.passwords import PasswordThreads
from services.users.service import UserPolicy, UserService
from services.users.store.user_store import UserStore
from tests.doubles.clock import FakeClock

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
KEY = SigningKey.from_pem(generate_ed25519_pem())
PASSWORD = "correct horse"


class Watchlist:
    """Another service's store of personal data, which may be away."""

    name = "watchlist"

    def __init__(self):
        self.people = set()
        self.away = False

    async def export_person(self, account_id, profiles):
        return sorted(self.people & {account_id, *profiles})

    async def erase_person(self, account_id, profiles):
        if self.away:
            raise StorageFailed("the watchlist is away")
        self.people -= {account_id, *profiles}


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def watchlist():
    return Watchlist()


@pytest.fixture
async def make_service(database_address, clock, watchlist):
    opened = []

    async def make(**more):
        store = UserStore(database_address, b"lookup")
        await store.open()
        passwords = PasswordThreads(CHEAP)
        opened.append((store, passwords))
        policy = UserPolicy(Plan(Tier.HD, 2), 10_000.0)
        return UserService(
            store, passwords, AccessTokens(KEY), clock, policy, Leaving(store, clock, [watchlist]), **more
        )

    yield make
    for store, passwords in opened:
        passwords.close()
        await store.close()


async def sign_up(service):
    return await service.sign_up("ann@example.org", PASSWORD, "DE", "TV", "192.0.2.1")


async def log_in(service):
    return await service.log_in("ann@example.org", PASSWORD, "", "TV", "192.0.2.1")
