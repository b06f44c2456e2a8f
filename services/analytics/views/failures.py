"""Which failures are technical, and which are business: a refused entitlement is no fault of the delivery. Pure."""

from __future__ import annotations

from enum import StrEnum

from kernel.vocabulary import Refusal


class FailureClass(StrEnum):
    """Whose failure it was."""

    TECHNICAL = "technical"
    BUSINESS = "business"


BUSINESS_CODES = frozenset(
    {
        # A start that was refused.
        "not-in-your-country", "too-many-streams", "plan", "not-released", "gone", "log-in", "maturity",
        "licence-refused",
        # A session that the platform ended.
        "session-ended", "stopped", "replaced", "account", "revoked",
        # Statuses of HTTP, where a player knows no more.
        "402", "403", "451",
        *(Refusal.TIER, Refusal.WINDOW, Refusal.COUNTRY, Refusal.COUNTRY_UNKNOWN, Refusal.TOKEN_REVOKED),
    }
)  # fmt: skip
"""Reasons of the platform and statuses of HTTP by which it refuses what a viewer may not watch: entitlement, country,
window, stream limit."""


def classify_failure(code: str) -> FailureClass:
    """The class of a fatal error's code; of several, separated by commas, the first counts."""
    first = code.partition(",")[0].strip().lower()
    return FailureClass.BUSINESS if first in BUSINESS_CODES else FailureClass.TECHNICAL
