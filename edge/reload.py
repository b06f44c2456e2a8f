"""RELOAD: put files that an operator changed in force, each part on its own.

Log, certificate, settings, rules and keys are independent: one that cannot be read does not block the others. Each is
read completely before it takes effect, so nothing is half applied. A part that cannot be used leaves the old one in
force; that is logged, counted, and shown until it is repaired.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from kernel.errors import BadSettings

logger = structlog.get_logger("edge")

PARTS = ("log", "certificate", "settings", "rules", "keys")


class Reloader:
    """`steps`: for each part, what reads it and puts it in force, or raises and changes nothing."""

    def __init__(self, steps: Mapping[str, Callable[[], object]]) -> None:
        self._steps = steps
        self.failures = dict.fromkeys(PARTS, 0)
        """How often each part could not be reloaded."""
        self.failed: dict[str, str] = {}
        """Parts in force in an older version than their files, and why."""

    def reload(self, *parts: str) -> bool:
        """Reload these parts (all of them, if none is named); returns whether all succeeded."""
        all_reloaded = True
        for part in parts or tuple(self._steps):
            all_reloaded = self._reload_part(part, self._steps[part]) and all_reloaded
        return all_reloaded

    def _reload_part(self, part: str, step: Callable[[], object]) -> bool:
        try:
            step()
        except BadSettings as error:
            self._record_failure(part, str(error))
            logger.error("reload-failed", part=part, error=str(error))  # noqa: TRY400 (no trace is wanted)
            return False
        except Exception as error:
            self._record_failure(part, f"{type(error).__name__}: {error}"[:500])
            logger.exception("reload-failed", part=part)
            return False
        if self.failed.pop(part, None) is not None:
            logger.info("reload-recovered", part=part)
        logger.info("reloaded", part=part)
        return True

    def _record_failure(self, part: str, why: str) -> None:
        self.failures[part] += 1
        self.failed[part] = why
