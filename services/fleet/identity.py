"""Who the services are to control, where that is a fleet's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.clock import Clock
from services.settings import ServicesSettings

if TYPE_CHECKING:
    from rpc.node_identity import NodeIdentity


def make_identity(settings: ServicesSettings, clock: Clock) -> NodeIdentity | None:
    """Their identity; None where there is no control, or one on this machine in plain text. Raises BadSettings."""
    if settings.control is None:
        return None
    from rpc.node_identity import NodeIdentity, needed  # gRPC is not loaded where nobody is called by it

    folder = settings.fleet_dir
    if not needed(folder, [settings.control], settings.enrol_token, settings.enrol_at) or folder is None:
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
