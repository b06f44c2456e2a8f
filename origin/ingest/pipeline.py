"""The steps of an ingest in order: probe, encode, verify, package, publish. Each step is a module."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernel.errors import BadRequest, BadSettings, MatineeError
from kernel.media.content_keys import EncryptedContent
from kernel.media.playlist import parse_multivariant
from kernel.vocabulary import Tier
from origin.encode import encoder, thumbnails
from origin.encode.check import Measured, check_encoded
from origin.encode.encoder import Track
from origin.encode.plan import EncodePlan
from origin.encode.planner import plan_encode
from origin.encode.source import Source, counted
from origin.ingest import probe, verify
from origin.ingest.encode_tracks import describe_plan, describe_sound, encode_tracks
from origin.ingest.ingest_request import IngestRequest, apply_metadata, hash_file, new_record
from origin.ingest.limits import Limits, check_plan
from origin.ingest.progress import Progress
from origin.ingest.subprocesses import Programs
from origin.ingest.timings import Timings
from origin.ingest.work_dir import WorkDir
from origin.package import top_playlists
from origin.package.encryption import Encryption, KeySource, labels_of
from origin.package.packager import MANIFEST, MASTER, package, rendition_folder
from origin.storage.blocking_library import BlockingLibrary
from origin.storage.records import AudioRendition, Rendition, TitleRecord, object_key
from origin.verify.encryption import check_encryption
from system.clock import SystemClock, utc_timestamp

_MARKER = "encoded.txt"


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


@dataclass(frozen=True, slots=True)
class Ingested:
    """The result; `new` is False if the same film was already published."""

    title: TitleRecord
    new: bool


@dataclass(frozen=True, slots=True)
class _PackagedTree:
    """A verified tree of files, ready to be published; `duration` in s."""

    tree: Path
    tracks: tuple[Track, ...]
    duration: float
    encryption: Encryption | None = None


def ingest(request: IngestRequest, context: IngestContext) -> Ingested:
    """Encode and publish a film. Raises BadRequest (the film is at fault), StorageFailed (the disk), Bug (our code)."""
    library, progress = context.library, context.progress
    before = probe.check_file(request.film)
    with context.timings.step("probe"):
        progress.start_step("probe", before.st_size)
        source = probe.probe(context.programs, request.film)
        plan = _plan(request, source)
        film_hash = hash_file(request.film, progress.advance)
        progress.finish_step(describe_plan(plan))
    content_id = request.choose_content_id(film_hash)
    with context.work_dir.lock_title(content_id) as work:
        context.work_dir.clean(library.sweep, keep=content_id)
        published = library.title(content_id)
        same = published and (published.source, published.recipe) == (film_hash, request.recipe)
        if published and same and library.is_whole(published):
            shutil.rmtree(work, ignore_errors=True)
            return Ingested(
                _update_metadata(library, _update_steering(library, published, request, work), request), new=False
            )
        library.sweep(content_id)
        record = new_record(request, content_id, film_hash, published)
        with _cleaned_up(library, content_id, work):
            packaged = _make(request, plan, record, context, work)
            if _identity(before) != _identity(probe.check_file(request.film)):
                raise BadRequest(
                    409, "film-changed", f"{probe.printable_path(request.film)} was changed during the ingest"
                )
            final = _publish(record, packaged, context)
    return Ingested(final, new=True)


def _plan(request: IngestRequest, source: Source) -> EncodePlan:
    name = probe.printable_path(request.film)
    try:
        plan = plan_encode(source, request.profile)
    except ValueError as error:
        raise BadRequest(422, "too-small", f"{name}: {error}") from None
    check_plan(plan, Limits(), name)
    return plan


@contextlib.contextmanager
def _cleaned_up(library: BlockingLibrary, content_id: str, work: Path) -> Iterator[None]:
    """Delete all files on failure, above all on a full disk. Only a kill leaves encoded files, which the next ingest
    reuses."""
    try:
        yield
    except MatineeError:
        with contextlib.suppress(MatineeError):
            library.sweep(content_id)
        shutil.rmtree(work, ignore_errors=True)
        raise
    shutil.rmtree(work, ignore_errors=True)


def _make(
    request: IngestRequest, plan: EncodePlan, record: TitleRecord, context: IngestContext, work: Path
) -> _PackagedTree:
    """Encode, or reuse the files of a killed ingest; verify, package and verify again."""
    tracks = encoder.plan_tracks(plan)
    encryption = _fetch_encryption(request, record, tracks, context)
    measured = _encode(request, plan, record, context, work / "encoded")
    tree = _empty_folder(work / "tree")
    with context.timings.step("package"):
        context.progress.start_step("package", 0)
        thumbs = tree / rendition_folder("thumbs", record.version)
        with ThreadPoolExecutor(max_workers=1) as background:
            images = background.submit(thumbnails.make_thumbnails, context.programs, plan, work / "encoded", thumbs)
            package(context.programs, tracks, work / "encoded", tree, record.version, encryption)
            verify.check_tree(tree, tracks, record.version, measured)
            if encryption is not None:
                check_encryption(tree, tracks, record.version, encryption)
            images.result()
        scheme = f", encrypted by {encryption.scheme}" if encryption else ""
        segments = counted(len(plan.keyframes()), "segment")
        context.progress.finish_step(f"{segments} a rendition, HLS and DASH{scheme}")
    return _PackagedTree(tree, tracks, plan.duration, encryption)


def _fetch_encryption(
    request: IngestRequest, record: TitleRecord, tracks: tuple[Track, ...], context: IngestContext
) -> Encryption | None:
    """The keys of the publication, fetched before the encoding, which may take hours and is lost without them."""
    if request.encryption is None:
        return None
    if context.keys is None:
        raise BadSettings("key_server", "is needed for an encrypted title")
    with context.timings.step("keys"):
        context.progress.start_step("keys", 0)
        content = EncryptedContent(record.content_id, record.version)
        encryption = context.keys.fetch_encryption(content, labels_of(tracks), request.encryption)
        context.progress.finish_step(f"for {', '.join(encryption.keys)}")
    return encryption


def _encode(
    request: IngestRequest, plan: EncodePlan, record: TitleRecord, context: IngestContext, folder: Path
) -> dict[str, Measured]:
    """Encode to `folder` what is not there yet; returns the verified measurements by track name."""
    progress = context.progress
    marker = f"{record.source}:{record.recipe}"
    if _read_text(folder / _MARKER) != marker:
        _empty_folder(folder)
        (folder / _MARKER).write_text(marker, encoding="utf-8")
    with context.timings.step("encode"):
        progress.start_step("encode", plan.duration * (len(plan.groups()) + len(plan.audio)))
        with context.timings.ffmpeg():
            encode_tracks(request.film, plan, context.programs, folder, progress.advance)
        progress.finish_step(
            f"{counted(len(plan.rungs), 'rendition')} up to {plan.rungs[-1].lines} lines, {describe_sound(plan)}"
        )
    with context.timings.step("verify"):
        progress.start_step("verify", 0)
        measured = check_encoded(context.programs, plan, folder)
        progress.finish_step(f"{counted(plan.frames, 'frame')}, {plan.duration:.2f} s")
    return measured


def _publish(record: TitleRecord, packaged: _PackagedTree, context: IngestContext) -> TitleRecord:
    with context.timings.step("publish"):
        master = (packaged.tree / MASTER).read_text(encoding="utf-8")
        keys = packaged.encryption.session_lines() if packaged.encryption else {}
        tops = top_playlists.make_top_files(master, (packaged.tree / MANIFEST).read_bytes(), keys)
        if record.steering:
            tops = top_playlists.with_steering(tops, record.steering, record.content_id)
        for name in (MASTER, MANIFEST):
            (packaged.tree / name).unlink()
        folder = rendition_folder("thumbs", record.version)
        final = msgspec.structs.replace(
            record,
            published=utc_timestamp(SystemClock.wall()),
            duration=round(packaged.duration, 3),
            renditions=_renditions(master, packaged.tracks, record.version),
            sound=_sound(packaged.tracks, record.version),
            streams={"hls": MASTER, "dash": MANIFEST},
            tiers={
                str(tier): {"hls": top_playlists.master_name(tier), "dash": top_playlists.manifest_name(tier)}
                for tier in Tier
                if top_playlists.master_name(tier) in tops
            },
            thumbnail=f"{folder}/{thumbnails.POSTER}",
            thumbnails=f"{folder}/{thumbnails.INDEX}",
            encryption=packaged.encryption.record() if packaged.encryption else None,
        )
        context.progress.start_step("publish", sum(1 for file in packaged.tree.rglob("*") if file.is_file()))
        final, publication = context.library.publish(final, packaged.tree, tops, context.progress.advance)
        size = sum(one.size for one in publication.files)
        context.progress.finish_step(f"{len(publication.files)} files, {size / 1e6:.1f} MB, version {final.version}")
    return final


def _renditions(master: str, tracks: tuple[Track, ...], publication: int) -> tuple[Rendition, ...]:
    """The video renditions with the bandwidth of the multivariant playlist, highest first."""
    bandwidths = {one.uri: one.bandwidth for one in parse_multivariant(master).variants if not one.i_frames}
    folders = [(rendition_folder(track.name, publication), track.rung) for track in tracks if track.rung]
    return tuple(
        Rendition(folder, rung.width, rung.height, rung.lines, bandwidths[f"{folder}/main.m3u8"])
        for folder, rung in reversed(folders)
    )


def _sound(tracks: tuple[Track, ...], publication: int) -> tuple[AudioRendition, ...]:
    return tuple(
        AudioRendition(rendition_folder(track.name, publication), track.audio.language, track.audio.bit_rate)
        for track in tracks
        if track.audio
    )


def _update_metadata(library: BlockingLibrary, published: TitleRecord, request: IngestRequest) -> TitleRecord:
    """The same film again: apply a new title or new metadata without encoding."""
    record = apply_metadata(published, request, published)
    if record != published:
        return library.change_title(record.content_id, lambda found: apply_metadata(found, request, found))
    library.signal_change()
    return record


def _update_steering(
    library: BlockingLibrary, published: TitleRecord, request: IngestRequest, work: Path
) -> TitleRecord:
    """The same film with another steering gateway: publish new top files only."""
    if not request.steering or published.steering == request.steering:
        return published
    version = published.version + 1
    record = msgspec.structs.replace(
        published, steering=request.steering, version=version, published=utc_timestamp(SystemClock.wall())
    )
    keys = {one.path: object_key(published.content_id, version - 1, one) for one in library.current(published).tops}
    tops = {name: data for name, key in keys.items() if (data := library.read(key)) is not None}
    done = library.publish(record, None, top_playlists.with_steering(tops, request.steering, published.content_id))
    shutil.rmtree(work, ignore_errors=True)
    return done.title


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _empty_folder(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
