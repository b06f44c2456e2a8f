"""RELOAD: what an operator has changed on disk comes into force, each thing on its own.

The log, the certificate, the rules and the keys have nothing to do with one another: one that cannot be read keeps none
of the others out. Each is read whole before anything of it is in force, so nothing is ever half applied; what cannot be
used leaves the old in force, and that is said in the log, counted, and shown until it is put right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from kernel.errors import BadSettings

logger = structlog.get_logger("edge")

PARTS = ("log", "certificate", "rules", "keys")


class Reloader:
    """`steps`: of each part what reads it and puts it in force, or raises and changes nothing."""

    def __init__(self, steps: Mapping[str, Callable[[], object]]) -> None:
        self._steps = steps
        self.failures = dict.fromkeys(PARTS, 0)
        """Times that a part could not be reloaded."""
        self.failed: dict[str, str] = {}
        """Parts of which an older state is in force than the files say, and why."""

    def reload(self, *parts: str) -> bool:
        """Reload these parts (all of them, when none is named); whether each could be."""
        whole = True
        for part in parts or tuple(self._steps):
            whole = self._one(part, self._steps[part]) and whole
        return whole

    def _one(self, part: str, step: Callable[[], object]) -> bool:
        try:
            step()
        except BadSettings as error:
            self._fails(part, str(error))
            logger.error("reload failed", part=part, error=str(error))  # noqa: TRY400 (no trace is wanted)
            return False
        except Exception as error:
            self._fails(part, f"{type(error).__name__}: {error}"[:500])
            logger.exception("reload failed", part=part)
            return False
        if self.failed.pop(part, None) is not None:
            logger.info("reload works again", part=part)
        logger.info("reloaded", part=part)
        return True

    def _fails(self, part: str, why: str) -> None:
        self.failures[part] += 1
        self.failed[part] = why
