"""Start a new epoch: an operator says that control's history was lost, as after restoring its database from a copy."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import update

from control.db.schema import facts
from control.db.transaction import Tx
from control.desired.changes import canonical
from control.desired.resources import QUARANTINE, Change
from control.fleet.quarantine import all_quarantined
from control.jobs import job_table


async def start_new_epoch(tx: Tx, jobs_epoch: str) -> dict[str, str]:
    """Start new epochs of the desired state and of the job log, and empty the quarantine: no node is ahead any more.

    Returns the desired state's epochs `before` and now (`epoch`).
    """
    made = uuid4().hex
    await tx.connection.execute(update(facts).where(facts.c.name == "epoch").values(value=made))
    tx.announce("epoch")
    await job_table.start_epoch(tx, jobs_epoch)
    tx.touch("epoch", "fleet", canonical(tx.desired.epoch), canonical(made))
    tx.change(Change(removes=frozenset((QUARANTINE, name) for name in all_quarantined(tx.desired))))
    return {"before": tx.desired.epoch, "epoch": made}
