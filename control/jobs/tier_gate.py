"""Tier by tier: edges are told of a purge when the shields have done it, or are late. Pure; time is passed in.

An edge that purged before its shield could fill the old bytes again. A shield that lets all wait is named as late, and
when it has caught up the edges are told of that purge once more (a job that refers to the first).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from control.jobs.log import Entry
from kernel.fleet.messages import Version

SHIELDS_WITHIN = 5.0
"""Seconds that edges wait for shields."""


class Shield(NamedTuple):
    """A shield as control knows it. `there`: it is connected, or was a moment ago."""

    id: str
    mark: Version
    there: bool


@dataclass(slots=True)
class TierGate:
    """`released`: up to where edges may be told. `late`: shields by the jobs that they held up."""

    released: int = 0
    late: dict[int, set[str]] = field(default_factory=dict)

    def behind(self, entry: Entry, shields: Iterable[Shield], epoch: str) -> list[Shield]:
        """The shields that have not done it and are not known to be late with it."""
        known = self.late.get(entry.job.seq, set[str]())
        return [
            one for one in shields
            if one.id not in known and not (one.mark.epoch == epoch and one.mark.number >= entry.job.seq)
        ]  # fmt: skip

    def advance(
        self, entries: Iterable[Entry], shields: Collection[Shield], epoch: str, waited: Mapping[int, float]
    ) -> dict[int, list[str]]:
        """Release what may be, of the entries that follow; `waited`: seconds since each came.

        What is given back holds up the rest until it is kept and noted by `record_late`: shields newly late, by job.
        """
        newly: dict[int, list[str]] = {}
        for entry in entries:
            if entry.waits and (behind := self.behind(entry, shields, epoch)):
                if any(one.there for one in behind) and waited.get(entry.job.seq, 0.0) < SHIELDS_WITHIN:
                    break
                newly[entry.job.seq] = [one.id for one in behind]
            elif not newly:
                self.released = entry.job.seq
        return newly

    def record_late(self, late: Mapping[int, Collection[str]]) -> None:
        """It is kept that these shields are late."""
        for seq, shields in late.items():
            if shields:
                self.late.setdefault(seq, set()).update(shields)

    def forget(self, floor: int) -> None:
        """Entries up to this one are in the log no more: who is so far behind drops everything."""
        if any(seq <= floor for seq in self.late):
            self.late = {seq: shields for seq, shields in self.late.items() if seq > floor}

    def caught_up(self, shields: Iterable[Shield], epoch: str) -> dict[int, list[str]]:
        """The jobs that late shields have done by now, and which: edges are to be told of these again."""
        found: dict[int, list[str]] = {}
        for one in shields:
            for seq, late in self.late.items():
                if one.id in late and one.mark.epoch == epoch and one.mark.number >= seq:
                    found.setdefault(seq, []).append(one.id)
        return found

    def mark_resent(self, told: Mapping[int, Collection[str]]) -> None:
        """The edges are told again on behalf of these shields."""
        for seq, shields in told.items():
            left = self.late.get(seq, set[str]()) - set(shields)
            if left:
                self.late[seq] = left
            else:
                self.late.pop(seq, None)
