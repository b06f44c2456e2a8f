"""`matinee control`: the control plane as a program."""

from __future__ import annotations

import uvloop

from control.app import serve
from control.settings import ControlSettings
from httpd.process import begin_process
from kernel.signals import hold_signals
from system.json_log import log_json_lines

SETTINGS = ControlSettings


def run(settings: ControlSettings) -> int:
    """Serve until stopped; 0."""
    hold_signals()
    begin_process()
    log_json_lines()
    uvloop.run(serve(settings, lambda line: print(line, flush=True)))
    return 0
