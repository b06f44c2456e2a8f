"""Countries: what a code looks like, and which country decides for a viewer."""

from __future__ import annotations

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
# Not countries: user-assigned "unknown" codes that databases write where they know nothing.
_UNKNOWN = frozenset(("ZZ", "XX"))


def is_country(text: str) -> bool:
    """Whether this is a two-letter code in capitals, as ISO 3166-1 writes them, and none that stands for unknown."""
    return len(text) == 2 and text[0] in _LETTERS and text[1] in _LETTERS and text not in _UNKNOWN


def country_code(text: object) -> str | None:
    """The code in capitals; None for whatever cannot be one."""
    if not isinstance(text, str):
        return None
    code = text.upper()
    return code if is_country(code) else None


def decide(by_address: str | None, by_token: str | None, default: str | None) -> str | None:
    """The viewer's country: the address decides; unknown, the token; unknown there too, the setting; None = unknown."""
    return by_address or by_token or default
