"""Country codes, and the country that counts for a viewer."""

from __future__ import annotations

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
# Not countries: user-assigned "unknown" codes that databases write where they know nothing.
_UNKNOWN = frozenset(("ZZ", "XX"))


def is_country(text: str) -> bool:
    """Whether this is a two-letter code in capitals as in ISO 3166-1, and not one for "unknown"."""
    return len(text) == 2 and text[0] in _LETTERS and text[1] in _LETTERS and text not in _UNKNOWN


def country_code(text: object) -> str | None:
    """The code in capitals, or None if it is not a country code."""
    if not isinstance(text, str):
        return None
    code = text.upper()
    return code if is_country(code) else None


def decide(by_address: str | None, by_token: str | None, default: str | None) -> str | None:
    """The viewer's country: the address decides; unknown, the token; unknown there too, the setting; None = unknown."""
    return by_address or by_token or default
