"""The story of an ingest: probe, encode, verify, package, publish. Each step is a module; this is their order."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernel.errors import BadRequest, MatineeError
from kernel.media.ladder import Rung, ladder
from kernel.media.playlist import parse_multivariant
from kernel.vocabulary import Tier
from origin import clock
from origin.encode import encoder, thumbnails
from origin.encode.encoder import Track
from origin.ingest import probe, verify
from origin.ingest.ingest_request import IngestRequest, hash_of, known_for, new_record
from origin.ingest.probe import Source
from origin.ingest.progress import Progress
from origin.ingest.subprocesses import Programs
from origin.ingest.timings import Timings
from origin.ingest.verify import Measured
from origin.ingest.work_dir import WorkDir
from origin.package import top_playlists
from origin.package.packager import MANIFEST, MASTER, folder_of, package
from origin.storage.library import AudioRendition, Library, Rendition, TitleRecord, top_key

_MARKER, _COMPLAINTS = "encoded.txt", "complaints.txt"


@dataclass(frozen=True, slots=True)
class IngestContext:
    """What an ingest works with."""

    library: Library
    workplace: WorkDir
    programs: Programs
    progress: Progress
    timings: Timings


@dataclass(frozen=True, slots=True)
class Ingested:
    """What came of it; `new` is False when the same film was published before."""

    title: TitleRecord
    new: bool


@dataclass(frozen=True, slots=True)
class _Made:
    """A verified tree, ready to be published; `duration` in s."""

    tree: Path
    tracks: tuple[Track, ...]
    duration: float


def ingest(order: IngestRequest, kitchen: IngestContext) -> Ingested:
    """Take a film to its publication. Raises BadRequest (the film), StorageFailed (the disk), Bug (ours)."""
    library, progress = kitchen.library, kitchen.progress
    before = probe.check_file(order.film)
    with kitchen.timings.step("probe"):
        progress.start("probe", before.st_size)
        source = probe.probe(kitchen.programs, order.film)
        film_hash = hash_of(order.film, progress.at)
        progress.done(source.described())
    content_id = order.id_for(film_hash)
    with kitchen.workplace.held(content_id) as work:
        kitchen.workplace.clean(library.sweep, keep=content_id)
        published = library.title(content_id)
        same = published and (published.source, published.recipe) == (film_hash, order.recipe)
        if published and same and library.is_whole(published):
            shutil.rmtree(work, ignore_errors=True)
            return Ingested(_renamed(library, _steered(library, published, order, work), order), new=False)
        library.sweep(content_id)
        record = new_record(order, content_id, film_hash, published)
        with _cleaned_up(library, content_id, work):
            made = _make(order, source, record, kitchen, work)
            if _identity(before) != _identity(probe.check_file(order.film)):
                raise BadRequest(409, "film-changed", f"{probe.shown(order.film)} was changed while it was read")
            final = _publish(record, made, kitchen)
    return Ingested(final, new=True)


@contextlib.contextmanager
def _cleaned_up(library: Library, content_id: str, work: Path) -> Iterator[None]:
    """Nothing is left behind, above all on a full disk; only a kill leaves encoded files for the next to take up."""
    try:
        yield
    except MatineeError:
        with contextlib.suppress(MatineeError):
            library.sweep(content_id)
        shutil.rmtree(work, ignore_errors=True)
        raise
    shutil.rmtree(work, ignore_errors=True)


def _make(order: IngestRequest, source: Source, record: TitleRecord, kitchen: IngestContext, work: Path) -> _Made:
    """Encode (or take up what a killed ingest had finished), verify, package, verify again."""
    try:
        rungs = ladder(source.width, source.height, source.rate, most=order.rungs)
    except ValueError as error:
        raise BadRequest(422, "too-small", f"{probe.shown(order.film)}: {error}") from None
    tracks = encoder.tracks(source, rungs)
    measured = _encode(order, source, record, tracks, kitchen, work / "encoded")
    first = measured[tracks[0].name]
    tree = _fresh(work / "tree")
    with kitchen.timings.step("package"):
        kitchen.progress.start("package", 0)
        thumbs = tree / folder_of("thumbs", record.version)
        with ThreadPoolExecutor(max_workers=1) as aside:
            pictures = aside.submit(
                thumbnails.make, kitchen.programs, tracks, work / "encoded", thumbs, first.keyframes
            )
            package(kitchen.programs, tracks, work / "encoded", tree, record.version)
            verify.check_tree(tree, tracks, record.version, measured)
            pictures.result()
        kitchen.progress.done(f"{probe.count(len(first.keyframes), 'segment')} a rendition, HLS and DASH")
    return _Made(tree, tracks, first.duration)


def _encode(
    order: IngestRequest,
    source: Source,
    record: TitleRecord,
    tracks: tuple[Track, ...],
    kitchen: IngestContext,
    folder: Path,
) -> dict[str, Measured]:
    """The encoded files in `folder`, measured and found to be what the source promised."""
    progress = kitchen.progress
    marker = f"{record.source}:{record.recipe}"
    if _text(folder / _MARKER) != marker:
        _fresh(folder)
        with kitchen.timings.step("encode"):
            progress.start("encode", source.duration or 0.0)
            arguments = encoder.command(order.film, source, tracks, order.preset, folder)
            with kitchen.timings.ffmpeg():
                complaints = encoder.encode(kitchen.programs, order.film, arguments, progress.at)
            rungs = [track.rung for track in tracks if track.rung]
            progress.done(f"{probe.count(len(rungs), 'rendition')} up to {_lines(rungs)}, {source.sound()}")
        (folder / _COMPLAINTS).write_text(complaints, encoding="utf-8")
    with kitchen.timings.step("verify"):
        progress.start("verify", 0)
        measured = verify.measure_all(kitchen.programs, tracks, folder)
        verify.check_encoded(source, tracks, measured, _text(folder / _COMPLAINTS))
        (folder / _MARKER).write_text(marker, encoding="utf-8")
        first = measured[tracks[0].name]
        progress.done(f"{probe.count(first.packets, 'frame')}, {first.duration:.2f} s")
    return measured


def _publish(record: TitleRecord, made: _Made, kitchen: IngestContext) -> TitleRecord:
    with kitchen.timings.step("publish"):
        master = (made.tree / MASTER).read_text(encoding="utf-8")
        tops = top_playlists.tops(master, (made.tree / MANIFEST).read_bytes())
        if record.steering:
            tops = top_playlists.with_steering(tops, record.steering, record.content_id)
        for name in (MASTER, MANIFEST):
            (made.tree / name).unlink()
        folder = folder_of("thumbs", record.version)
        final = msgspec.structs.replace(
            record,
            published=clock.stamp(clock.wall()),
            duration=round(made.duration, 3),
            renditions=_renditions(master, made.tracks, record.version),
            sound=_sound(made.tracks, record.version),
            streams={"hls": MASTER, "dash": MANIFEST},
            tiers={
                str(tier): {"hls": top_playlists.master_name(tier), "dash": top_playlists.manifest_name(tier)}
                for tier in Tier
                if top_playlists.master_name(tier) in tops
            },
            thumbnail=f"{folder}/{thumbnails.POSTER}",
            thumbnails=f"{folder}/{thumbnails.INDEX}",
        )
        kitchen.progress.start("publish", sum(1 for file in made.tree.rglob("*") if file.is_file()))
        publication = kitchen.library.publish(final, made.tree, tops, kitchen.progress.at)
        size = sum(one.size for one in publication.files)
        kitchen.progress.done(f"{len(publication.files)} files, {size / 1e6:.1f} MB, version {final.version}")
    return final


def _renditions(master: str, tracks: tuple[Track, ...], publication: int) -> tuple[Rendition, ...]:
    """The rungs with the bandwidth the master declares, highest first."""
    bandwidths = {one.uri: one.bandwidth for one in parse_multivariant(master).variants if not one.i_frames}
    folders = [(folder_of(track.name, publication), track.rung) for track in tracks if track.rung]
    return tuple(
        Rendition(folder, rung.width, rung.height, rung.lines, bandwidths[f"{folder}/main.m3u8"])
        for folder, rung in reversed(folders)
    )


def _sound(tracks: tuple[Track, ...], publication: int) -> tuple[AudioRendition, ...]:
    return tuple(
        AudioRendition(folder_of(track.name, publication), track.audio.language, encoder.AUDIO_BITS)
        for track in tracks
        if track.audio
    )


def _renamed(library: Library, published: TitleRecord, order: IngestRequest) -> TitleRecord:
    """The same film again: nothing is encoded; a new title or new metadata is taken over."""
    record = known_for(published, order, published)
    if record != published:
        library.point(record)
    else:
        library.touch()
    return record


def _steered(library: Library, published: TitleRecord, order: IngestRequest, work: Path) -> TitleRecord:
    """The same film with another gateway for steering: a publication of new top files alone."""
    if not order.steering or published.steering == order.steering:
        return published
    version = published.version + 1
    record = msgspec.structs.replace(
        published, steering=order.steering, version=version, published=clock.stamp(clock.wall())
    )
    names = [one.path for one in library.publication(published.content_id, published.version).tops]
    keys = {name: top_key(published.content_id, published.version, name) for name in names}
    tops = {name: data for name, key in keys.items() if (data := library.storage.get(key)) is not None}
    empty = work / "tree"
    empty.mkdir(parents=True, exist_ok=True)
    library.publish(
        record, empty, top_playlists.with_steering(tops, order.steering, published.content_id), lambda _: None
    )
    shutil.rmtree(work, ignore_errors=True)
    return record


def _lines(rungs: list[Rung]) -> str:
    return f"{rungs[-1].lines} lines"


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
