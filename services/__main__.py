"""`matinee services`."""

from __future__ import annotations

from services.server import serve
from services.settings import ServicesSettings, check_settings
from services.training.bounded_blas import bound_blas_threads

SETTINGS = ServicesSettings


def run(settings: ServicesSettings) -> int:
    """Serve until stopped."""
    check_settings(settings)
    bound_blas_threads()
    return serve(settings)
