"""Runs every kind of step on the origin's own host, where the jobs' folders are."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernel.errors import Bug
from kernel.media.content_keys import EncryptionScheme
from origin.encode.plan import EncodePlan
from origin.ingest.ingest_request import IngestRequest
from origin.ingest.subprocesses import find_programs
from origin.jobs.job_graph import StepKind
from origin.jobs.job_settings import WorkerOptions
from origin.jobs.records import JobRequest, Lease
from origin.jobs.work.announce import Announcer
from origin.jobs.work.encode_steps import EncodeTools, run_encode_step
from origin.jobs.work.film_steps import KNOWN, FilmSteps
from origin.jobs.work.job_folder import JobFolder, JobFolders
from origin.jobs.work.receive import Reception
from origin.jobs.work.step_outcome import Report, StepOutcome
from origin.package.key_client import open_key_server
from origin.storage.blocking_library import BlockingLibrary
from origin.stores.open_store import open_store, parse_locations
from origin.uploads.fetch import FetchLimits
from origin.uploads.locations import LocationRules
from origin.uploads.spool import Spool
from system.clock import SystemClock


@dataclass(frozen=True)
class LocalRunner:
    """A `StepRunner`. `preset` and `rungs` are for requests that do not say."""

    folders: JobFolders
    reception: Reception
    steps: FilmSteps
    tools: EncodeTools
    preset: str | None = None
    rungs: int = 0

    def run(self, lease: Lease, report: Report) -> StepOutcome:
        """Run a step."""
        folder = self.folders.of(lease.job_id)
        request = self.read_request(lease.request)
        if lease.step.kind is StepKind.RECEIVE:
            return StepOutcome(self.reception.receive(lease.request, folder, report))
        if lease.step.kind is StepKind.PROBE:
            plan, more = self.steps.probe(request, folder, report)
            return StepOutcome(plan=msgspec.json.encode(plan), more=more)
        run_step(self.steps, self.tools, request, lease, folder, report)
        return StepOutcome()

    def read_request(self, given: JobRequest) -> IngestRequest:
        """The request as the steps of a film take it."""
        options = given.options
        made = IngestRequest(
            film=Path(given.film_name or given.content_id),
            title=given.title,
            metadata=given.metadata,
            content_id=given.content_id,
            steering=given.steering,
            encryption=None if given.encrypt == "none" else EncryptionScheme(given.encrypt),
            profiles=given.profiles or ("default",),
        )
        preset, rungs = options.get("preset") or self.preset, options.get("rungs") or self.rungs
        return _with(made, preset, rungs)


def _with(request: IngestRequest, preset: str | None, rungs: int) -> IngestRequest:
    return IngestRequest(
        request.film, request.title, request.metadata, request.content_id, preset or request.preset,
        rungs or request.rungs, request.steering, request.encryption, request.profiles,
    )  # fmt: skip


def run_step(
    steps: FilmSteps, tools: EncodeTools, request: IngestRequest, lease: Lease, folder: JobFolder, report: Report
) -> None:
    """Run one of the steps that follow from the plan."""
    step, plan = lease.step, msgspec.json.decode(lease.plan, type=EncodePlan)
    calls: dict[StepKind, Callable[[], object]] = {
        StepKind.JOIN: lambda: steps.join(plan, step.track, folder),
        StepKind.CHECK: lambda: steps.check(plan, folder),
        StepKind.THUMBNAILS: lambda: steps.thumbnails(plan, folder),
        StepKind.PACKAGE: lambda: steps.package(request, plan, folder),
        StepKind.VERIFY: lambda: steps.verify(folder),
        StepKind.ANNOUNCE: lambda: steps.announce(lease.request.content_id),
    }
    match step.kind:
        case StepKind.VIDEO | StepKind.AUDIO | StepKind.TEXT | StepKind.SIDECAR:
            run_encode_step(tools, plan, step, Path(folder.film().path), folder.encoded, report)
        case StepKind.PUBLISH:
            if step.track == KNOWN:
                steps.update(request, folder)
            else:
                steps.publish(request, plan, folder, report)
        case StepKind.RECEIVE | StepKind.PROBE:
            raise Bug(f"{step.kind} follows from no plan")
        case _:
            calls[step.kind]()
    report(1.0)


def open_runner(options: WorkerOptions, environment: Mapping[str, str]) -> LocalRunner:
    """The runner of a worker process. Raises BadSettings."""
    programs = find_programs(
        options.ffmpeg or environment.get("FFMPEG"),
        options.ffprobe or environment.get("FFPROBE"),
        options.packager or environment.get("PACKAGER"),
    )
    stores = parse_locations(options.stores)
    store = open_store(stores, environment)
    data = Path(options.data)
    key_file = Path(options.key_server_key_file)
    control_key = Path(options.announce_control_key_file) if options.announce_control_key_file else None
    announcer = Announcer(
        options.announce_catalogue, key_file, options.announce_control, control_key, options.push_region,
        options.push_segments,
    )  # fmt: skip
    rules = LocationRules(
        tuple(Path(folder) for folder in options.folders),
        options.hosts,
        options.buckets,
        tuple(ipaddress.ip_network(network) for network in options.networks),
    )
    return LocalRunner(
        JobFolders(data / "work"),
        Reception(
            Spool(data / "uploads"), store, rules, FetchLimits(options.max_size), options.masters,
            stores.store_credentials, environment,
        ),
        FilmSteps(
            programs, BlockingLibrary(store), lambda: open_key_server(options.key_server, key_file),
            SystemClock.wall, announcer, options.threads, options.limits,
        ),
        EncodeTools(programs, options.threads),
        options.preset,
        options.rungs,
    )  # fmt: skip
