"""Sets up where rules, keys and jobs come from: files, a control on this machine, or the control of a fleet.

A member of a fleet has an identity, and its last good state is signed. An edge without an identity follows a control on
its own machine in plain text. An edge without control reads RULES.json and a JWKS.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from math import inf
from pathlib import Path

import structlog

from cache.cache import Receipt, SegmentCache
from cache.revalidate_after_gap import mark_stale_before
from edge.fleet.apply import FleetState
from edge.fleet.control_link import Connect, ControlCallbacks
from edge.fleet.jobs import CONTACT_SECONDS, CheckpointFile, JobActions, JobRunner
from edge.fleet.signed_state import SignedState
from edge.fleet.subscribe import Subscriber
from edge.policy.authorise import Node
from edge.policy.purge_keys import purge_request_of
from edge.policy.rules import Rules
from edge.prefetch.background import OnPrefetched, PrefetchResult
from edge.prefetch.scheduler import PrefetchRequest
from edge.prefetch.service import PrefetchService
from edge.settings import EdgeSettings
from edge.tasks import TaskOwner
from kernel.auth.signing_keys import NO_KEYS, KeySet
from kernel.clock import Clock
from kernel.errors import BadSettings
from kernel.fetch_reasons import PrefetchEnd
from kernel.fleet.jobs import Purge
from kernel.fleet.messages import Hello
from rpc.node_identity import NodeIdentity, needs_identity

logger = structlog.get_logger("edge")


def read_rules(file: Path | None) -> Rules:
    """The rules of a RULES.json; without a file everything is allowed. Raises BadSettings naming the fault and the
    file.
    """
    if file is None:
        return Rules()
    try:
        return Rules.from_bytes(file.read_bytes())
    except OSError as error:
        raise BadSettings("rules", f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadSettings("rules", str(error), f"file {file}") from None


def read_keys(file: Path | None) -> KeySet:
    """The public keys of a JWKS; without a file no token verifies. Raises BadSettings naming the fault and the file."""
    if file is None:
        return NO_KEYS
    try:
        return KeySet.from_jwks(json.loads(file.read_bytes()))
    except OSError as error:
        raise BadSettings("keys", f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadSettings("keys", str(error), f"file {file}") from None


def identity_of(settings: EdgeSettings, clock: Clock) -> NodeIdentity | None:
    """This node's identity in the fleet; None if it follows a control on this machine in plain text. Raises
    BadSettings.
    """
    folder = settings.fleet_dir
    if not settings.control or not needs_identity(folder, settings.control, settings.enrol_token, settings.enrol_at):
        return None
    assert folder is not None  # noqa: S101 (`needs_identity` has seen to it; for the types)
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
    on_state: Callable[[FleetState], object],
    callbacks: ControlCallbacks,
    identity: NodeIdentity | None,
    connect: Connect | None,
    jitter: Callable[[], float] = random.random,
) -> Subscriber | None:
    """The subscriber to control; None without control. `connect` (for tests) takes precedence over the identity's."""
    folder = settings.fleet_dir
    if not settings.control or folder is None:
        return None
    hello = Hello(
        id=settings.id,
        role=settings.role,
        region=",".join(settings.region),
        address=str(settings.listen),
        admin=str(settings.admin),
    )
    store = None
    if identity is not None:
        trusted = identity  # for the closure's type
        store = SignedState(
            folder, settings.id, lambda: trusted.current.authority if trusted.current else None, spread=jitter()
        )
        connect = connect or identity.connect
    control = [str(one) for one in settings.control]
    return Subscriber(hello, control, folder, clock, on_state, callbacks=callbacks, connect=connect, store=store)


def job_runner_of(
    settings: EdgeSettings, node: Node, cache: SegmentCache, prefetches: PrefetchService, clock: Clock, tasks: TaskOwner
) -> JobRunner | None:
    """The runner of control's jobs on this node; None without control."""
    if settings.fleet_dir is None or not settings.control:
        return None

    async def purge(named: Purge) -> Receipt:
        request, _ = purge_request_of(named, node.routes, general=node.profile.name == "general")
        return await cache.purge(request)

    def prefetch(url: str, done: OnPrefetched) -> bool:
        if settings.role == "shield":  # a shield fetches what its edges request
            done(PrefetchRequest(url.encode(), "job"), PrefetchResult(PrefetchEnd.ALREADY_CACHED))
            return True
        return prefetches.prefetch(url, done)

    return JobRunner(CheckpointFile(settings.fleet_dir), clock, JobActions(purge, prefetch, tasks.offload))


def with_job_callbacks(callbacks: ControlCallbacks, jobs: JobRunner | None) -> ControlCallbacks:
    """The same callbacks, and those of the job runner."""
    if jobs is None:
        return callbacks
    return replace(callbacks, on_jobs=jobs.enqueue, checkpoint=jobs.version, on_connected=jobs.on_connected)


def connect_receipts(jobs: JobRunner | None, subscriber: Subscriber | None) -> None:
    """Let receipts go to control over its stream."""
    if jobs is not None and subscriber is not None:
        jobs.send_receipt, jobs.is_connected = subscriber.sender.enqueue_receipt, lambda: subscriber.is_connected


async def start_jobs(jobs: JobRunner | None, subscriber: Subscriber | None, tasks: TaskOwner) -> None:
    """Load the checkpoint and start the runner. Call it before the stream starts: its first message names the
    checkpoint.
    """
    if jobs is not None:
        await jobs.load_checkpoint()
        tasks.spawn(subscriber.supervised.run_task("jobs", jobs.run) if subscriber is not None else jobs.run())


async def catch_up_on_purges(jobs: JobRunner | None, cache: SegmentCache, clock: Clock) -> int:
    """Before viewers are served: run the purges missed; the number of objects marked stale instead.

    If control does not send them, whatever was stored before the last contact is revalidated before it is served.
    """
    if jobs is None or await jobs.wait_until_caught_up():
        return 0
    contact = jobs.checkpoint.contact
    before = clock.mono() - (clock.wall() - contact - CONTACT_SECONDS) if contact else inf
    marked = await mark_stale_before(cache.tiers, before)
    logger.warning("purges-unknown", marked_stale=marked)
    return marked
