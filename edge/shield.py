"""`matinee shield`: the edge program with the presets of a shield."""

from __future__ import annotations

from edge import __main__ as program
from edge.settings import ShieldSettings

SETTINGS = ShieldSettings
run = program.run
