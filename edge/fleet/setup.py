"""Whether this edge follows control, and as what: a member of a fleet has an identity, and its last good state is
signed; without one it follows a control on its own machine in plain text."""

from __future__ import annotations

import random
from collections.abc import Callable

from edge.fleet.apply import State
from edge.fleet.control_link import Connect, ControlCallbacks
from edge.fleet.signed_state import SignedState
from edge.fleet.subscribe import Subscriber
from edge.settings import EdgeSettings
from kernel.clock import Clock
from kernel.fleet.messages import Hello
from rpc.node_identity import NodeIdentity, needed


def identity_of(settings: EdgeSettings, clock: Clock) -> NodeIdentity | None:
    """Who this node is to control; None where it speaks plainly to one on this machine. Raises BadSettings."""
    folder = settings.fleet_dir
    if not settings.control or not needed(folder, settings.control, settings.enrol_token, settings.enrol_at):
        return None
    assert folder is not None  # noqa: S101 (`needed` has seen to it; for the types)
    return NodeIdentity(
        folder,
        settings.id,
        settings.role,
        [str(address) for address in settings.control],
        clock,
        token_file=settings.enrol_token,
        enrol_at=[str(address) for address in settings.enrol_at],
    )


def subscriber_of(
    settings: EdgeSettings,
    clock: Clock,
    on_state: Callable[[State], object],
    ears: ControlCallbacks,
    identity: NodeIdentity | None,
    connect: Connect | None,
    jitter: Callable[[], float] = random.random,
) -> Subscriber | None:
    """What follows control; None where there is none. `connect` (tests have one) goes before the identity's."""
    folder = settings.fleet_dir
    if not settings.control or folder is None:
        return None
    me = Hello(
        id=settings.id,
        role=settings.role,
        region=",".join(settings.region),
        address=str(settings.listen),
        admin=str(settings.admin),
    )
    keeper = None
    if identity is not None:
        trusted = identity  # for the closure's type
        keeper = SignedState(
            folder, settings.id, lambda: trusted.current.authority if trusted.current else None, spread=jitter()
        )
        connect = connect or identity.connect
    control = [str(one) for one in settings.control]
    return Subscriber(me, control, folder, clock, on_state, ears=ears, connect=connect, keeper=keeper)
