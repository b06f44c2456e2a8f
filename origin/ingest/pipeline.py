"""`ingest`: the graph of steps that the job queue runs, run in this process from a film's file to its publication."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from kernel.errors import Bug, MatineeError
from origin.encode.plan import EncodePlan
from origin.encode.source import counted
from origin.ingest import probe
from origin.ingest.describe_plan import describe_plan, describe_sound
from origin.ingest.ingest_request import IngestRequest
from origin.ingest.limits import Limits
from origin.ingest.progress import Progress
from origin.ingest.sidecars import named_sidecars, sidecars_beside
from origin.ingest.subprocesses import Programs
from origin.ingest.timings import Timings
from origin.ingest.work_dir import WorkDir
from origin.jobs.job_graph import Step, StepKind
from origin.jobs.work.encode_steps import EncodeTools, run_encode_step
from origin.jobs.work.film_steps import KNOWN, FilmSteps, no_keys
from origin.jobs.work.job_folder import FilmNote, JobFolder
from origin.jobs.work.receive import hash_film
from origin.jobs.work.step_outcome import OutputMissing, PublishedMeanwhile, StepStopped
from origin.package.encryption import KeySource
from origin.storage.blocking_library import BlockingLibrary
from origin.storage.records import TitleRecord
from system.clock import SystemClock

AT_ONCE = 2
"""Steps that run at the same time: one encoder alone leaves CPUs idle at its start and end."""
MAX_ROUNDS = 3
"""How often steps whose output turns out to be missing or damaged are run again."""
_MARKER = "encoded.txt"
_ENCODING = (StepKind.VIDEO, StepKind.AUDIO, StepKind.TEXT, StepKind.SIDECAR)


@dataclass(frozen=True, slots=True)
class IngestContext:
    """The parts that an ingest uses."""

    library: BlockingLibrary
    work_dir: WorkDir
    programs: Programs
    progress: Progress
    timings: Timings
    keys: KeySource | None = None
    """Needed for encrypted titles only."""
    limits: Limits = field(default_factory=Limits)

    def steps(self) -> FilmSteps:
        """The steps, with these parts."""
        keys = self.keys
        source = (lambda: keys) if keys is not None else no_keys
        return FilmSteps(self.programs, self.library, source, SystemClock.wall, limits=self.limits)


@dataclass(frozen=True, slots=True)
class Ingested:
    """The result; `new` is False if the same film was already published."""

    title: TitleRecord
    new: bool


def ingest(request: IngestRequest, context: IngestContext) -> Ingested:
    """Encode and publish a film. Raises BadRequest (the film is at fault), StorageFailed (the disk), Bug (our code)."""
    before = probe.check_file(request.film)
    context.progress.start_step("probe", before.st_size)
    with context.timings.step("probe"):
        sha256 = hash_film(request.film, context.progress.advance)
    content_id = request.choose_content_id(sha256)
    with context.work_dir.lock_title(content_id) as work:
        context.work_dir.clean(context.library.sweep, keep=content_id)
        folder = JobFolder(work)
        folder.make()
        film = str(request.film.absolute())
        folder.write_note(FilmNote(film, sha256, before.st_size, before.st_ino, before.st_mtime_ns))
        sidecars = (*named_sidecars(request.metadata), *sidecars_beside(request.film.absolute()))
        folder.keep_sidecars((one, Path(one.location)) for one in sidecars)
        with _cleaned_up(context.library, content_id, work):
            return _ingest(request, context, folder)


def _ingest(request: IngestRequest, context: IngestContext, folder: JobFolder) -> Ingested:
    steps = context.steps()
    with context.timings.step("probe"):
        plan, graph = steps.probe(request, folder, lambda _: None)
    context.progress.finish_step(describe_plan(plan))
    if any(step.track == KNOWN for step in graph):
        return Ingested(steps.update(request, folder), new=False)
    content_id = request.choose_content_id(folder.film().sha256)
    context.library.sweep(content_id)
    _keep_encoded(folder, f"{folder.film().sha256}:{request.recipe}")
    run = _Run(request, context, steps, plan, folder)
    for _ in range(MAX_ROUNDS):
        try:
            for batch in _BATCHES:
                run.run_batch(batch, [step for step in graph if step.kind in batch.kinds])
            return Ingested(run.published(), new=True)
        except (OutputMissing, PublishedMeanwhile) as error:
            last = error  # what is there is kept: the next round makes the rest
    raise Bug(f"{content_id} could not be ingested: {last}")


@contextlib.contextmanager
def _cleaned_up(library: BlockingLibrary, content_id: str, work: Path) -> Iterator[None]:
    """Delete all files at the end, above all on a full disk. Only a kill leaves encoded files, which the next ingest
    reuses."""
    try:
        yield
    except MatineeError:
        with contextlib.suppress(MatineeError):
            library.sweep(content_id)
        shutil.rmtree(work, ignore_errors=True)
        raise
    shutil.rmtree(work, ignore_errors=True)


def _keep_encoded(folder: JobFolder, recipe: str) -> None:
    """Keep the files of a killed ingest of the same film by the same recipe; delete others."""
    marker = folder.encoded / _MARKER
    if not marker.is_file() or marker.read_text(encoding="utf-8", errors="replace") != recipe:
        shutil.rmtree(folder.encoded, ignore_errors=True)
        folder.make()
        marker.write_text(recipe, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Batch:
    """Steps that can run at the same time, and the name under which people see them."""

    phase: str
    kinds: tuple[StepKind, ...]
    first: bool = True
    last: bool = True


_BATCHES = (
    _Batch("encode", _ENCODING, last=False),
    _Batch("encode", (StepKind.JOIN,), first=False),
    _Batch("verify", (StepKind.CHECK, StepKind.THUMBNAILS)),
    _Batch("package", (StepKind.PACKAGE,), last=False),
    _Batch("package", (StepKind.VERIFY,), first=False),
    _Batch("publish", (StepKind.PUBLISH,)),
)
"""In an order that the steps' needs allow."""


class _Run:
    """One ingest, batch by batch."""

    def __init__(
        self, request: IngestRequest, context: IngestContext, steps: FilmSteps, plan: EncodePlan, folder: JobFolder
    ) -> None:
        self._request = request
        self._context = context
        self._steps = steps
        self._plan = plan
        self._folder = folder
        self._title: TitleRecord | None = None
        self._shares: dict[str, float] = {}
        self._stopped = Event()

    def published(self) -> TitleRecord:
        """The title, once it is published."""
        if self._title is None:
            raise Bug("the last step did not publish")
        return self._title

    def run_batch(self, batch: _Batch, steps: Sequence[Step]) -> None:
        """Run steps, some at the same time. The first failure ends the others and is raised."""
        context = self._context
        if batch.first:
            context.progress.start_step(batch.phase, sum(step.weight for step in steps))
        self._shares = {}
        measured = context.timings.ffmpeg() if batch.kinds == _ENCODING else contextlib.nullcontext()
        with context.timings.step(batch.phase), measured:
            self._run_all(steps)
        if batch.last:
            context.progress.finish_step(self._note(batch.phase))

    def _run_all(self, steps: Sequence[Step]) -> None:
        with ThreadPoolExecutor(AT_ONCE, "step") as pool:
            running = [pool.submit(self._run, step) for step in steps]
            try:
                for one in as_completed(running):
                    one.result()
            except BaseException:
                self._stopped.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
            finally:
                self._stopped.clear()

    def _run(self, step: Step) -> None:
        def report(share: float) -> None:
            if self._stopped.is_set():
                raise StepStopped
            self._shares[step.id] = step.weight * share
            self._context.progress.advance(sum(list(self._shares.values())))

        steps, plan, folder = self._steps, self._plan, self._folder
        match step.kind:
            case StepKind.VIDEO | StepKind.AUDIO | StepKind.TEXT | StepKind.SIDECAR:
                tools = EncodeTools(steps.programs, steps.threads)
                run_encode_step(tools, plan, step, self._request.film, folder.encoded, report)
            case StepKind.JOIN:
                steps.join(plan, step.track, folder)
            case StepKind.CHECK:
                steps.check(plan, folder)
            case StepKind.THUMBNAILS:
                steps.thumbnails(plan, folder)
            case StepKind.PACKAGE:
                steps.package(self._request, plan, folder)
            case StepKind.VERIFY:
                steps.verify(folder)
            case _:
                self._title = steps.publish(self._request, plan, folder, report)
        report(1.0)

    def _note(self, phase: str) -> str:
        """The result of a phase in a few words."""
        plan = self._plan
        if phase == "encode":
            lines = max(rung.lines for rung in plan.rungs)
            return f"{counted(len(plan.rungs), 'rendition')} up to {lines} lines, {describe_sound(plan)}"
        if phase == "verify":
            return f"{counted(plan.frames, 'frame')}, {plan.duration:.2f} s"
        if phase == "package":
            scheme = f", encrypted by {self._request.encryption}" if self._request.encryption else ""
            return f"{counted(len(plan.keyframes()), 'segment')} a rendition, HLS and DASH{scheme}"
        files = [file for file in (self._folder.path / "packaged").rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        return f"{len(files)} files, {size / 1e6:.1f} MB, version {self.published().version}"
