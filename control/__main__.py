"""`matinee control`: the control plane as a program."""

from __future__ import annotations

import uvloop

from control.app import serve, set_up_logging
from control.settings import ControlSettings

SETTINGS = ControlSettings


def run(settings: ControlSettings) -> int:
    """Serve until stopped; 0."""
    set_up_logging()
    uvloop.run(serve(settings, lambda line: print(line, flush=True)))
    return 0
