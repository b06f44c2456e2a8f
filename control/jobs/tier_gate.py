"""The tier gate: edges get a purge once every shield has done it, or is late. Pure; time is passed in.

An edge that purges before its shield could refill the old bytes from it. A shield that holds up the others is noted as
late, and once it has caught up the edges are sent that purge again (a job that refers to the first).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from control.jobs.log import LogEntry
from kernel.fleet.messages import Version

SHIELD_SECONDS = 5.0
"""Seconds that edges wait for shields."""


class Shield(NamedTuple):
    """A shield as control knows it. `is_present`: it is connected, or was within THERE_WITHIN seconds."""

    id: str
    mark: Version
    is_present: bool


@dataclass(slots=True)
class TierGate:
    """`released`: the last job that edges may get. `late`: by job, the shields that held it up."""

    released: int = 0
    late: dict[int, set[str]] = field(default_factory=dict)

    def pending_shields(self, entry: LogEntry, shields: Iterable[Shield], epoch: str) -> list[Shield]:
        """The shields that have not done the job and are not noted as late with it."""
        known = self.late.get(entry.job.seq, set[str]())
        return [
            one for one in shields
            if one.id not in known and not (one.mark.epoch == epoch and one.mark.number >= entry.job.seq)
        ]  # fmt: skip

    def advance(
        self, entries: Iterable[LogEntry], shields: Collection[Shield], epoch: str, waited: Mapping[int, float]
    ) -> dict[int, list[str]]:
        """Release the entries that follow as far as the shields allow; `waited`: seconds since each arrived.

        Returns the shields newly late, by job. Release stops there until `record_late` says that they are stored.
        """
        newly: dict[int, list[str]] = {}
        for entry in entries:
            if entry.waits_for_shields and (behind := self.pending_shields(entry, shields, epoch)):
                if any(one.is_present for one in behind) and waited.get(entry.job.seq, 0.0) < SHIELD_SECONDS:
                    break
                newly[entry.job.seq] = [one.id for one in behind]
            elif not newly:
                self.released = entry.job.seq
        return newly

    def record_late(self, late: Mapping[int, Collection[str]]) -> None:
        """Note these shields as late, once that is stored."""
        for seq, shields in late.items():
            if shields:
                self.late.setdefault(seq, set()).update(shields)

    def forget(self, floor: int) -> None:
        """Forget jobs up to `floor`, which the log no longer holds."""
        if any(seq <= floor for seq in self.late):
            self.late = {seq: shields for seq, shields in self.late.items() if seq > floor}

    def caught_up(self, shields: Iterable[Shield], epoch: str) -> dict[int, list[str]]:
        """By job, the late shields that have done it by now: edges must be sent that job again."""
        found: dict[int, list[str]] = {}
        for one in shields:
            for seq, late in self.late.items():
                if one.id in late and one.mark.epoch == epoch and one.mark.number >= seq:
                    found.setdefault(seq, []).append(one.id)
        return found

    def mark_resent(self, told: Mapping[int, Collection[str]]) -> None:
        """Forget that these shields were late: the edges were sent the job again."""
        for seq, shields in told.items():
            left = self.late.get(seq, set[str]()) - set(shields)
            if left:
                self.late[seq] = left
            else:
                self.late.pop(seq, None)
