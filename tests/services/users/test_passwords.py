"""Passwords: the right one opens, an unknown account takes as long, and a crowd is turned away."""

import asyncio

import pytest
from argon2 import PasswordHasher

from kernel.errors import Overloaded
from services.users.passwords import MAX_WAITING, PasswordThreads

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def passwords():
    passwords = PasswordThreads(CHEAP)
    yield passwords
    passwords.close()


async def test_the_right_password_verifies_and_others_do_not(passwords):
    encoded = await passwords.hash_password("correct horse")
    assert "correct horse" not in encoded
    assert await passwords.verify_password("correct horse", encoded)
    assert not await passwords.verify_password("wrong horse", encoded)
    assert not await passwords.verify_password("correct horse", "not a hash")


async def test_the_same_password_of_another_keyboard_verifies(passwords):
    assert await passwords.verify_password("pa\u0308sswort", await passwords.hash_password("p\u00e4sswort"))


async def test_an_unknown_account_costs_a_verification_and_is_never_right(passwords):
    assert not await passwords.verify_password("no account has this password", None)


async def test_a_weaker_hash_of_earlier_days_is_outdated(passwords):
    stronger = PasswordThreads(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert stronger.is_outdated(await passwords.hash_password("correct horse"))
    assert not passwords.is_outdated(await passwords.hash_password("correct horse"))
    stronger.close()


async def test_a_crowd_is_turned_away_instead_of_waiting_for_ever(passwords):
    results = await asyncio.gather(
        *(passwords.hash_password("correct horse") for _ in range(MAX_WAITING * 2)), return_exceptions=True
    )
    assert sum(isinstance(result, Overloaded) for result in results) == MAX_WAITING
