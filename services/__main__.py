"""`matinee services`."""

from __future__ import annotations

from services.server import serve
from services.settings import ServicesSettings, check

SETTINGS = ServicesSettings


def run(settings: ServicesSettings) -> int:
    """Serve until stopped."""
    check(settings)
    return serve(settings)
