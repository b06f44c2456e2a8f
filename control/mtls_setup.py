"""Set up control's mTLS from the settings: authority, certificate, enrolled peers, signed updates."""

from __future__ import annotations

import socket
from functools import partial

from control.commands import ControlService
from control.server import Trust
from control.settings import ControlSettings
from control.trust.authority import Authority
from control.trust.certificate import ServerCertificate
from control.trust.enrolment import Enrolment
from control.trust.peers import Peers
from kernel.errors import BadSettings
from kernel.fleet.identity import BadIdentity
from kernel.fleet.messages import Update
from kernel.fleet.signed import signed


async def open_trust(settings: ControlSettings, plane: ControlService) -> Trust | None:
    """Turn on mTLS and sign all updates from now on; None where control trusts every caller.

    Raises BadSettings, StorageFailed.
    """
    if not settings.mtls:
        return None
    authority = Authority.open(settings.ca_dir or settings.data / "ca", plane.clock.wall())
    host = settings.listen.host
    hosts = [*settings.server_name, socket.gethostname(), *([] if host in ("0.0.0.0", "::") else [host])]
    try:
        certificate = ServerCertificate(
            authority, plane.store.replica, hosts, settings.certificate_life, plane.clock.wall
        )
    except BadIdentity as error:
        raise BadSettings("server_name", str(error)) from None
    peers = Peers(plane.store, plane.clock, plane.fanout.hang_up)
    await peers.load()
    plane.fleet_cache.trusts_hello = False
    plane.fanout.sign = partial(_sign, authority)
    plane.enrolment = Enrolment(plane.store, authority, plane.clock, settings.certificate_life)
    return Trust(certificate, peers, plane.enrolment)


def _sign(authority: Authority, update: Update, edge: str) -> Update:
    return signed(update, authority.key, edge)
