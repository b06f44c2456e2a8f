"""Joins the jobs of control's log with this edge: the cache's purge door, the runner of prefetches, the stream."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

import structlog

from cache.cache import Receipt
from cache.revalidate_after_gap import mark_stale_before
from edge.fleet.checkpoint_file import CheckpointFile
from edge.fleet.control_link import ControlCallbacks
from edge.fleet.jobs import CONTACT_EVERY, JobActions, JobRunner
from edge.fleet.purge_request import request_of
from edge.fleet.subscribe import Subscriber
from edge.prefetch.background import Done, PrefetchResult
from edge.prefetch.scheduler import PrefetchRequest
from kernel.fetch_reasons import PrefetchEnd
from kernel.fleet.jobs import Purge

if TYPE_CHECKING:
    from edge.app import Edge

log = structlog.get_logger("edge")


def make_job_runner(edge: Edge) -> JobRunner | None:
    """What does the jobs here; None where there is no control. `edge` has its cache and its prefetches by now."""
    if edge.settings.fleet_dir is None or not edge.settings.control:
        return None

    async def purge(named: Purge) -> Receipt:
        request, _ = request_of(named, edge.node.routes, general=edge.node.profile.name == "general")
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


async def begin(edge: Edge) -> None:
    """Before control is heard: the mark, which the edge's first words tell."""
    if edge.jobs is not None:
        await edge.jobs.begin()
        work = edge.jobs.run
        edge.tasks.spawn(edge.subscriber.supervised.keep("jobs", work) if edge.subscriber is not None else work())


async def catch_up(edge: Edge) -> None:
    """Before viewers are served: do the purges missed. Where control does not tell them, what was stored before it was
    last heard is revalidated before it is used."""
    if edge.jobs is None or await edge.jobs.settled():
        return
    clock, contact = edge.clock, edge.jobs.kept.contact
    before = clock.mono() - (clock.wall() - contact - CONTACT_EVERY) if contact else inf
    edge.marked_stale = await mark_stale_before(edge.cache.tiers, before)
    log.warning("nobody tells what was purged meanwhile: older objects are revalidated", objects=edge.marked_stale)
