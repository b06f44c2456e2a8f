"""The story of an ingest: probe, encode, package, verify, publish. Each step is a module; this is their order."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from kernel.errors import BadRequest, BadSettings
from kernel.media.ladder import NOMINAL_LINES, ladder
from kernel.media.playlist import parse_multivariant
from kernel.vocabulary import Tier, is_content_id
from origin import clock, encode, masters, metadata, probe, thumbnails, verify
from origin.encode import Track
from origin.library import Library, Rendition, Sound, TitleRecord
from origin.package import MANIFEST, MASTER, folder_of, package
from origin.probe import Source
from origin.programs import Programs
from origin.progress import Progress
from origin.timings import Timings
from origin.workplace import Workplace

_READ = 1 << 20
_ENCODED = "encoded.json"


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted: the film and how it is to be known and encoded."""

    film: Path
    title: str | None = None
    metadata: dict[str, Any] | None = None
    content_id: str | None = None
    preset: str = "veryfast"
    rungs: int = len(NOMINAL_LINES)


@dataclass(frozen=True, slots=True)
class Kitchen:
    """What every ingest works with."""

    library: Library
    workplace: Workplace
    programs: Programs


@dataclass(frozen=True, slots=True)
class Ingested:
    """What came of it; `new` is False when the same film was published before."""

    title: TitleRecord
    new: bool


def ingest(order: Order, kitchen: Kitchen, progress: Progress, timings: Timings) -> Ingested:
    """Take a film to its publication. Raises BadRequest (the film), StorageFailed (the disk), Bug (ours)."""
    if order.content_id is not None and not is_content_id(order.content_id):
        raise BadSettings("content_id", f"{order.content_id!r} is not 1 to 64 of A-Z a-z 0-9 _ -, the first no _ or -")
    before = probe.check_file(order.film)
    with timings.step("probe"):
        progress.start("probe", before.st_size)
        source = probe.probe(kitchen.programs, order.film)
        film_hash = _hash(order.film, progress)
        progress.done(_described(source))
    title = metadata.title_of(order.title, order.metadata or {}, order.film)
    content_id = order.content_id or metadata.content_id(title, film_hash)
    recipe = f"{encode.RECIPE}:{order.preset}:{order.rungs}"
    with kitchen.workplace.held(content_id) as work:
        kitchen.workplace.clean(kitchen.library.sweep, keep=content_id)
        published = kitchen.library.title(content_id)
        same = published and (published.source, published.recipe) == (film_hash, recipe)
        if published and same and kitchen.library.is_whole(published):
            shutil.rmtree(work, ignore_errors=True)
            return Ingested(_renamed(kitchen.library, published, order), new=False)
        kitchen.library.sweep(content_id)
        record = TitleRecord(
            content_id=content_id, title=title, version=published.version + 1 if published else 1, published="",
            duration=0.0, countries=None, metadata={}, renditions=(), sound=(), streams={}, tiers={}, thumbnail=None,
            thumbnails=None, source=film_hash, recipe=recipe,
        )  # fmt: skip
        record = _known_for(record, order, published)
        made = _make(order, source, record, kitchen, work, progress, timings)
        if _identity(before) != _identity(probe.check_file(order.film)):
            raise BadRequest(409, "film-changed", f"{probe.shown(order.film)} was changed while it was read")
        final = _publish(record, made, kitchen.library, progress, timings)
        shutil.rmtree(work, ignore_errors=True)
    return Ingested(final, new=True)


@dataclass(frozen=True, slots=True)
class _Made:
    """A verified tree, ready to be published."""

    tree: Path
    tracks: tuple[Track, ...]
    duration: float


def _make(
    order: Order,
    source: Source,
    record: TitleRecord,
    kitchen: Kitchen,
    work: Path,
    progress: Progress,
    timings: Timings,
) -> _Made:
    """Encode (or take up what a killed ingest had finished), package, verify."""
    try:
        rungs = ladder(source.width, source.height, source.rate, most=order.rungs)
    except ValueError as error:
        raise BadRequest(422, "too-small", f"{probe.shown(order.film)}: {error}") from None
    tracks = encode.tracks(source, rungs)
    encoded = work / "encoded"
    marker = f"{record.source}:{record.recipe}"
    if _text(encoded / _ENCODED) != marker:
        _fresh(encoded)
        with timings.step("encode"):
            progress.start("encode", source.duration or 0.0)
            arguments = encode.command(order.film, source, tracks, order.preset, encoded)
            with timings.ffmpeg():
                complaints = encode.encode(kitchen.programs, order.film, arguments, progress.at)
            progress.done(f"{len(rungs)} renditions up to {rungs[-1].lines} lines, {len(source.audio)} sound")
        (encoded / "complaints.txt").write_text(complaints, encoding="utf-8")
    with timings.step("verify"):
        progress.start("verify", len(tracks))
        measured = verify.measure_all(kitchen.programs, tracks, encoded)
        verify.check_encoded(source, tracks, measured, _text(encoded / "complaints.txt"))
        (encoded / _ENCODED).write_text(marker, encoding="utf-8")
        first = measured[tracks[0].name]
        progress.done(f"{first.packets} frames, {first.duration:.2f} s")
    tree = _fresh(work / "tree")
    with timings.step("package"):
        progress.start("package", len(tracks))
        package(kitchen.programs, tracks, encoded, tree, record.version)
        verify.check_tree(tree, tracks, record.version, measured)
        thumbs = tree / folder_of("thumbs", record.version)
        thumbnails.make(kitchen.programs, tracks, encoded, thumbs, first.keyframes)
        progress.done(f"{len(first.keyframes)} segments a rendition, HLS and DASH")
    return _Made(tree, tracks, first.duration)


def _publish(record: TitleRecord, made: _Made, library: Library, progress: Progress, timings: Timings) -> TitleRecord:
    with timings.step("publish"):
        master = (made.tree / MASTER).read_text(encoding="utf-8")
        tops = masters.tops(master, (made.tree / MANIFEST).read_bytes())
        for name in (MASTER, MANIFEST):
            (made.tree / name).unlink()
        folder = folder_of("thumbs", record.version)
        final = msgspec.structs.replace(
            record,
            published=clock.stamp(clock.wall()),
            duration=round(made.duration, 3),
            renditions=_renditions(master, made.tracks, record.version),
            sound=tuple(
                Sound(folder_of(track.name, record.version), track.audio.language, encode.AUDIO_BITS)
                for track in made.tracks
                if track.audio
            ),
            streams={"hls": MASTER, "dash": MANIFEST},
            tiers={
                str(tier): {"hls": masters.master_name(tier), "dash": masters.manifest_name(tier)}
                for tier in Tier
                if masters.master_name(tier) in tops
            },
            thumbnail=f"{folder}/{thumbnails.POSTER}",
            thumbnails=f"{folder}/{thumbnails.INDEX}",
        )
        progress.start("publish", sum(1 for file in made.tree.rglob("*") if file.is_file()))
        publication = library.publish(final, made.tree, tops, progress.at)
        size = sum(record.size for record in publication.files)
        progress.done(f"{len(publication.files)} files, {size / 1e6:.1f} MB, version {final.version}")
    return final


def _renditions(master: str, tracks: tuple[Track, ...], publication: int) -> tuple[Rendition, ...]:
    """The rungs with the bandwidth the master declares, highest first."""
    bandwidths = {one.uri: one.bandwidth for one in parse_multivariant(master).variants if not one.i_frames}
    folders = [(folder_of(track.name, publication), track.rung) for track in tracks if track.rung]
    return tuple(
        Rendition(folder, rung.width, rung.height, rung.lines, bandwidths[f"{folder}/main.m3u8"])
        for folder, rung in reversed(folders)
    )


def _known_for(record: TitleRecord, order: Order, published: TitleRecord | None) -> TitleRecord:
    """Title, metadata and countries: as given now; what is not given stays as published before."""
    if order.metadata is not None:
        rest = {name: value for name, value in order.metadata.items() if name not in ("title", "countries")}
        countries = order.metadata.get("countries")
        record = msgspec.structs.replace(
            record, metadata=rest, countries=None if countries is None else tuple(countries)
        )
    elif published:
        record = msgspec.structs.replace(record, metadata=published.metadata, countries=published.countries)
    named = order.title or (order.metadata or {}).get("title")
    if not named and published:
        return msgspec.structs.replace(record, title=published.title)
    return msgspec.structs.replace(record, title=metadata.title_of(order.title, order.metadata or {}, order.film))


def _renamed(library: Library, published: TitleRecord, order: Order) -> TitleRecord:
    """The same film again: nothing is encoded; a new title or new metadata is taken over."""
    record = _known_for(published, order, published)
    if record != published:
        library.point(record)
    else:
        library.touch()
    return record


def _described(source: Source) -> str:
    length = f"{source.duration:.1f} s" if source.duration else "unknown length"
    sound = f"{len(source.audio)} sound track{'s' if len(source.audio) != 1 else ''}" if source.audio else "no sound"
    return f"{source.width}x{source.height}, {float(source.rate):.5g} frames/s, {length}, {sound}"


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _hash(film: Path, progress: Progress) -> str:
    whole = hashlib.sha256()
    done = 0
    try:
        with film.open("rb") as opened:
            while data := opened.read(_READ):
                whole.update(data)
                done += len(data)
                progress.at(done)
    except OSError as error:
        raise BadRequest(422, "not-readable", f"{probe.shown(film)} cannot be read: {error.strerror}") from None
    return whole.hexdigest()[:32]


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
