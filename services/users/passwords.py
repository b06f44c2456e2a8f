"""Hashes passwords with Argon2id, a bounded number at once: each costs tens of milliseconds and 64 MiB."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from kernel.errors import Overloaded
from kernel.vocabulary import OverloadReason
from services.users.account import normalise_password

T = TypeVar("T")

THREADS = 2
MAX_WAITING = 64
"""Log-ins that wait for a thread: at 50 ms each, the last one waits under two seconds."""


class PasswordThreads:
    """Hashes and verifies in threads of its own, so that neither requests nor other threads wait for Argon2."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(THREADS, "passwords")
        self._waiting = 0
        # Verified when an address is unknown: an answer that came faster would say which addresses have accounts.
        self._decoy = self._hasher.hash("no account has this password")

    async def hash_password(self, password: str) -> str:
        """Argon2's encoded hash of a new password. Raises Overloaded."""
        return await self._run(self._hash, password)

    async def verify_password(self, password: str, encoded: str | None) -> bool:
        """Whether a password is the one that was hashed; `encoded` None takes as long and is never right.

        Raises Overloaded.
        """
        return await self._run(self._verify, password, encoded or self._decoy) and encoded is not None

    def is_outdated(self, encoded: str) -> bool:
        """Whether a hash was made with weaker parameters than those of today."""
        return self._hasher.check_needs_rehash(encoded)

    def close(self) -> None:
        """Give the threads back."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[..., T], *arguments: str) -> T:
        if self._waiting >= MAX_WAITING:
            raise Overloaded(OverloadReason.PASSWORDS_WAITING)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._waiting -= 1

    def _hash(self, password: str) -> str:
        return self._hasher.hash(normalise_password(password))

    def _verify(self, password: str, encoded: str) -> bool:
        try:
            return self._hasher.verify(encoded, normalise_password(password))
        except (VerificationError, InvalidHashError):
            return False
