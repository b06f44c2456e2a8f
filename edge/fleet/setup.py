"""Sets up where rules, keys and jobs come from: files, a control on this machine, or the control of a fleet.

A member of a fleet has an identity, and its last good state is signed. An edge without an identity follows a control on
its own machine in plain text. An edge without control reads RULES.json and a JWKS.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

import structlog

from cache.cache import Receipt
from cache.revalidate_after_gap import mark_stale_before
from edge.fleet.apply import State
from edge.fleet.control_link import Connect, ControlCallbacks
from edge.fleet.jobs import CONTACT_EVERY, CheckpointFile, JobActions, JobRunner
from edge.fleet.signed_state import SignedState
from edge.fleet.subscribe import Subscriber
from edge.policy.route import purge_request_of
from edge.prefetch.background import Done, PrefetchResult
from edge.prefetch.scheduler import PrefetchRequest
from edge.settings import EdgeSettings
from kernel.clock import Clock
from kernel.fetch_reasons import PrefetchEnd
from kernel.fleet.jobs import Purge
from kernel.fleet.messages import Hello
from rpc.node_identity import NodeIdentity, needed

if TYPE_CHECKING:
    from edge.app import Edge


import json
from pathlib import Path

from edge.policy.rules import Rules
from kernel.auth.signing_keys import NO_KEYS, KeySet
from kernel.errors import BadSettings


def read_rules(file: Path | None) -> Rules:
    """The rules of a RULES.json; without a file everything is allowed. BadSettings naming what is wrong and where."""
    if file is None:
        return Rules()
    try:
        return Rules.from_bytes(file.read_bytes())
    except OSError as error:
        raise BadSettings("rules", f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadSettings("rules", str(error), f"file {file}") from None


def read_keys(file: Path | None) -> KeySet:
    """The public keys of a JWKS file; without a file none verifies. BadSettings naming what is wrong and where."""
    if file is None:
        return NO_KEYS
    try:
        return KeySet.from_jwks(json.loads(file.read_bytes()))
    except OSError as error:
        raise BadSettings("keys", f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadSettings("keys", str(error), f"file {file}") from None


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


log = structlog.get_logger("edge")


def make_job_runner(edge: Edge) -> JobRunner | None:
    """What does the jobs here; None where there is no control. `edge` has its cache and its prefetches by now."""
    if edge.settings.fleet_dir is None or not edge.settings.control:
        return None

    async def purge(named: Purge) -> Receipt:
        request, _ = purge_request_of(named, edge.node.routes, general=edge.node.profile.name == "general")
        return await edge.cache.purge(request)

    def prefetch(url: str, done: Done) -> bool:
        if edge.settings.role == "shield":  # it brings what its edges ask for
            done(PrefetchRequest(url.encode(), "job"), PrefetchResult(PrefetchEnd.ALREADY_CACHED))
            return True
        return edge.prefetch_service.prefetch(url, done)

    return JobRunner(
        CheckpointFile(edge.settings.fleet_dir), edge.clock, JobActions(purge, prefetch, edge.tasks.offload)
    )


def with_job_callbacks(ears: ControlCallbacks, jobs: JobRunner | None) -> ControlCallbacks:
    """The same ears, which hear of jobs too."""
    return ears if jobs is None else replace(ears, on_jobs=jobs.take, mark=jobs.mark, on_connected=jobs.on_connected)


def connect_receipts(jobs: JobRunner | None, subscriber: Subscriber | None) -> None:
    """Receipts go to control by its stream."""
    if jobs is not None and subscriber is not None:
        jobs.tell, jobs.connected = subscriber.speaker.enqueue_receipt, lambda: subscriber.connected


async def start_jobs(edge: Edge) -> None:
    """Before control is heard: the mark, which the edge's first words tell."""
    if edge.jobs is not None:
        await edge.jobs.begin()
        work = edge.jobs.run
        edge.tasks.spawn(edge.subscriber.supervised.keep("jobs", work) if edge.subscriber is not None else work())


async def catch_up_on_purges(edge: Edge) -> None:
    """Before viewers are served: do the purges missed. Where control does not tell them, what was stored before it was
    last heard is revalidated before it is used."""
    if edge.jobs is None or await edge.jobs.settled():
        return
    clock, contact = edge.clock, edge.jobs.kept.contact
    before = clock.mono() - (clock.wall() - contact - CONTACT_EVERY) if contact else inf
    edge.marked_stale = await mark_stale_before(edge.cache.tiers, before)
    log.warning("nobody tells what was purged meanwhile: older objects are revalidated", objects=edge.marked_stale)
