"""Columns with personal data: sealed where keys are set, and an address that is found without being stored in clear."""

from __future__ import annotations

import hashlib
import hmac

from services.users.account import normalise_email
from system.sealing import SealingKeys, is_sealed


class PersonalColumns:
    """Seals and opens values, each bound to its place, so that nobody moves one to another row."""

    def __init__(self, lookup_key: bytes, keys: SealingKeys | None) -> None:
        self._lookup_key = lookup_key
        self._keys = keys

    @property
    def current_prefix(self) -> str:
        """How values begin that are sealed under the current key; "" where nothing is sealed."""
        return "" if self._keys is None else f"sealed1.{self._keys.current}."

    def look_up(self, email: str) -> str:
        """The keyed hash by which an address is found."""
        return hmac.new(self._lookup_key, normalise_email(email).encode(), hashlib.sha256).hexdigest()

    def seal(self, text: str, place: str) -> str:
        """A value as its column holds it; `place` is `table.column.row`."""
        return text if self._keys is None else self._keys.seal(text.encode(), place)

    def open(self, text: str, place: str) -> str:
        """The value of a column."""
        return self._keys.open(text, place).decode() if self._keys is not None and is_sealed(text) else text
