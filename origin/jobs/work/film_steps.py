"""The steps that need the folder of a job: probe, join, check, thumbnails, package, verify, publish, announce.

Each can run again after a kill at any line: files appear whole or not at all, and what is there is not made twice.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from kernel.errors import BadRequest, BadSettings, Bug
from kernel.media.content_keys import EncryptedContent
from kernel.store_faults import StoreFault
from origin.encode.check import check_encoded
from origin.encode.plan import EncodePlan, with_rates
from origin.encode.planner import plan_encode
from origin.encode.rates import probe_rates
from origin.encode.thumbnails import make_thumbnails
from origin.encode.video import join_rung
from origin.ingest.ingest_request import IngestRequest, new_record, with_sidecars
from origin.ingest.limits import Limits, check_plan
from origin.ingest.probe import printable_path, probe
from origin.ingest.sidecars import digest_of
from origin.ingest.subprocesses import Programs
from origin.jobs.job_graph import Step, StepKind, job_steps, text_step
from origin.jobs.work.announce import Announcer
from origin.jobs.work.job_folder import JobFolder
from origin.jobs.work.republish import is_same, update_published
from origin.jobs.work.step_outcome import OutputMissing, PublishedMeanwhile, Report
from origin.package.encryption import Encryption, KeySource
from origin.package.streams import labels_of_plan
from origin.package.title import PACKAGED, THUMBNAILS, Packaged, PackageRequest, package_title
from origin.storage.blocking_library import BlockingLibrary
from origin.storage.publishing import Published
from origin.storage.records import TitleRecord
from origin.stores.object_store import StoreFailed
from origin.verify.title import check_packaged
from system.clock import utc_timestamp

KNOWN = "known"
"""As `track` of the step `publish`: the same film is published already."""


class PackagedTitle(msgspec.Struct, frozen=True):
    """The result of the step `package`."""

    version: int
    packaged: Packaged


@dataclass(frozen=True)
class FilmSteps:
    """What the steps use. `keys` opens the key server; `wall` is the time in Unix seconds."""

    programs: Programs
    library: BlockingLibrary
    keys: Callable[[], KeySource]
    wall: Callable[[], float]
    announcer: Announcer | None = None
    threads: int = 0
    limits: Limits = field(default_factory=Limits)

    def probe(self, request: IngestRequest, folder: JobFolder, report: Report) -> tuple[EncodePlan, tuple[Step, ...]]:
        """The plan, and the steps that follow from it; those of a film that is published already are few."""
        note = folder.film()
        film = Path(note.path)
        source = probe(self.programs, film, self.limits)
        sidecars = folder.sidecars()
        text = (*source.text, *(one.stream(number) for number, one in enumerate(sidecars)))
        source, request = msgspec.structs.replace(source, text=text), with_sidecars(request, digest_of(sidecars))
        name = printable_path(request.film)
        try:
            plan = plan_encode(source, request.profile)
        except ValueError as error:
            raise BadRequest(422, "too-small", f"{name}: {error}") from None
        check_plan(plan, self.limits, name)
        content_id = request.choose_content_id(note.sha256)
        published = self.library.title(content_id)
        if published and is_same(self.library, published, note.sha256, request.recipe):
            publish = Step(StepKind.PUBLISH, StepKind.PUBLISH, (StepKind.PROBE,), track=KNOWN)
            return plan, (publish, Step(StepKind.ANNOUNCE, StepKind.ANNOUNCE, (StepKind.PUBLISH,)))
        if request.encryption is not None:  # fetched again by `package`: hours of encoding are lost without keys
            self._encryption(request, plan, content_id, published)
        report(0.5)
        if plan.per_title:
            rates = folder.path / "rates"
            rates.mkdir(exist_ok=True)
            plan = with_rates(plan, probe_rates(self.programs, plan, film, rates, self.threads))
            shutil.rmtree(rates, ignore_errors=True)
        return plan, job_steps(plan)

    def join(self, plan: EncodePlan, name: str, folder: JobFolder) -> None:
        """Join the chunks of a rung, then delete them."""
        rung, encoded = plan.rung(name), folder.encoded
        files = [rung.chunk_file(encoded, chunk) for chunk in plan.chunks]
        if not rung.file(encoded).is_file():
            missing = [f"video/{rung.group}/{at:04d}" for at, file in enumerate(files) if not file.is_file()]
            if missing:
                raise OutputMissing(f"{len(missing)} chunks of {name} are missing", *missing)
            join_rung(self.programs, plan, rung, files, encoded)
        for file in files:
            file.unlink(missing_ok=True)

    def check(self, plan: EncodePlan, folder: JobFolder) -> None:
        """Compare what was encoded with the plan. What does not fit, as after a power cut, is encoded once more."""
        self._require_encoded(plan, folder)
        try:
            check_encoded(self.programs, plan, folder.encoded)
        except Bug as error:
            marker = folder.path / "encoded-again"
            if marker.exists():
                raise
            marker.touch()
            shutil.rmtree(folder.encoded)
            folder.make()
            raise OutputMissing(f"encoded again: {error}", *_encoding(plan)) from None

    def _require_encoded(self, plan: EncodePlan, folder: JobFolder) -> None:
        tracks = [(rung.file(folder.encoded), f"join/{rung.name}") for rung in plan.rungs]
        tracks += [(track.file(folder.encoded), f"audio/{track.name}") for track in plan.audio]
        tracks += [(track.file(folder.encoded), text_step(track)) for track in plan.text]
        for file, step in tracks:
            folder.require(file, step)

    def thumbnails(self, plan: EncodePlan, folder: JobFolder) -> None:
        """Make the thumbnails, next to the encoded tracks."""
        self._require_encoded(plan, folder)
        if not (folder.encoded / THUMBNAILS).is_dir():
            make_thumbnails(self.programs, plan, folder.encoded, folder.encoded / THUMBNAILS)

    def package(self, request: IngestRequest, plan: EncodePlan, folder: JobFolder) -> None:
        """Package the next publication of the title."""
        self._require_encoded(plan, folder)
        content_id = request.choose_content_id(folder.film().sha256)
        published = self.library.title(content_id)
        encryption = self._encryption(request, plan, content_id, published)
        version = published.version + 1 if published else 1
        steering = request.steering or (published.steering if published else "")
        wanted = PackageRequest(plan, folder.encoded, content_id, version, encryption, steering)
        packaged = package_title(self.programs, wanted, folder.path)
        folder.write("packaged.json", msgspec.json.encode(PackagedTitle(version, packaged)))

    def _encryption(
        self, request: IngestRequest, plan: EncodePlan, content_id: str, published: TitleRecord | None
    ) -> Encryption | None:
        """The keys of the next publication; the key server gives the same ones at each call."""
        if request.encryption is None:
            return None
        content = EncryptedContent(content_id, published.version + 1 if published else 1)
        return self.keys().fetch_encryption(content, labels_of_plan(plan), request.encryption)

    def verify(self, folder: JobFolder) -> None:
        """Verify every file of the package. Raises Bug."""
        made = self._packaged(folder)
        check_packaged(folder.path / PACKAGED, made.packaged)

    def publish(self, request: IngestRequest, plan: EncodePlan, folder: JobFolder, report: Report) -> TitleRecord:
        """Publish what was packaged, once: a repeated call finds the publication there."""
        made, note = self._packaged(folder), folder.film()
        request = with_sidecars(request, digest_of(folder.sidecars()))
        content_id = request.choose_content_id(note.sha256)
        published = self.library.title(content_id)
        if published is not None and published.version == made.version and self._is_ours(published, folder):
            self.library.signal_change()
            return published
        record = new_record(request, content_id, note.sha256, published)
        if record.version != made.version:
            raise PublishedMeanwhile(f"publication {made.version} of {content_id} was made by somebody else")
        record = self._complete(record, plan, made.packaged, published)
        folder.write("publishing.txt", _publishing(record))
        return self._publish(record, folder, report).title

    def _publish(self, record: TitleRecord, folder: JobFolder, report: Report) -> Published:
        tree, tops = folder.path / "packaged" / "tree", folder.path / "packaged" / "tops"
        files = sum(1 for file in tree.rglob("*") if file.is_file()) or 1
        heads = {file.name: file.read_bytes() for file in sorted(tops.iterdir())}
        try:
            return self.library.publish(record, tree, heads, lambda done: report(min(1.0, done / files)))
        except StoreFailed as error:
            if error.fault is StoreFault.CONFLICT:
                raise PublishedMeanwhile(str(error)) from None
            raise

    def _is_ours(self, published: TitleRecord, folder: JobFolder) -> bool:
        """Whether this job has made the publication: it was killed before it could say so."""
        try:
            return (folder.path / "publishing.txt").read_bytes() == _publishing(published)
        except OSError:
            return False

    def _complete(
        self, record: TitleRecord, plan: EncodePlan, packaged: Packaged, published: TitleRecord | None
    ) -> TitleRecord:
        return msgspec.structs.replace(
            record,
            published=utc_timestamp(self.wall()),
            duration=round(plan.duration, 3),
            renditions=packaged.renditions,
            sound=packaged.sound,
            text=packaged.text,
            streams=packaged.streams,
            tiers=packaged.tiers,
            thumbnail=packaged.thumbnail,
            thumbnails=packaged.thumbnails,
            encryption=packaged.encryption,
            steering=record.steering or (published.steering if published else ""),
        )

    def update(self, request: IngestRequest, folder: JobFolder) -> TitleRecord:
        """The same film again: new metadata, or another gateway for steering, without encoding."""
        note = folder.film()
        published = self.library.title(request.choose_content_id(note.sha256))
        if published is None:
            raise OutputMissing("the title is no longer published", StepKind.PROBE)
        return update_published(self.library, published, request, utc_timestamp(self.wall()))

    def announce(self, content_id: str) -> None:
        """Tell the catalogue and control."""
        if self.announcer is None:
            return
        title = self.library.title(content_id)
        if title is None:
            raise Bug(f"{content_id} is to be announced and is not published")
        if title.withdrawn:
            return
        paths = [record.path for record in self.library.current(title).objects()]
        asyncio.run(self.announcer.announce(content_id, paths))

    def _packaged(self, folder: JobFolder) -> PackagedTitle:
        if not (folder.path / "packaged").is_dir():
            raise OutputMissing("the package is missing", StepKind.PACKAGE)
        return msgspec.json.decode(folder.read("packaged.json", StepKind.PACKAGE), type=PackagedTitle)


def no_keys() -> KeySource:
    """For callers without a key server. Raises BadSettings."""
    raise BadSettings("key_server", "is needed for an encrypted title")


def _publishing(record: TitleRecord) -> bytes:
    return f"{record.version} {record.published} {record.source} {record.recipe}".encode()


def _encoding(plan: EncodePlan) -> list[str]:
    """The ids of all steps that encode."""
    kinds = (StepKind.VIDEO, StepKind.AUDIO, StepKind.TEXT, StepKind.SIDECAR)
    return [step.id for step in job_steps(plan) if step.kind in kinds]
