"""The services' mTLS identity, if their control is a fleet's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.clock import Clock
from services.settings import ServicesSettings

if TYPE_CHECKING:
    from rpc.node_identity import NodeIdentity


def make_identity(settings: ServicesSettings, clock: Clock) -> NodeIdentity | None:
    """Make the identity; None without control, or if control is on this machine in plaintext. Raises BadSettings."""
    if settings.control is None:
        return None
    from rpc.node_identity import (
        NodeIdentity,
        needs_identity,
    )  # imported here: processes without control never load gRPC

    folder = settings.fleet_dir
    if not needs_identity(folder, [settings.control], settings.enrol_token, settings.enrol_at) or folder is None:
        return None
    return NodeIdentity(
        folder,
        settings.id,
        "service",
        [str(settings.control)],
        clock,
        token_file=settings.enrol_token,
        enrol_at=[str(address) for address in settings.enrol_at],
    )
