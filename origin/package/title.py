"""Packages a title: CMAF once for HLS and DASH, subtitles, the image track, and MPEG-TS where the plan asks for it.

`packaged/tree` gets the files that never change, `packaged/tops` the top files, which the next publication replaces.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernel.errors import Bug
from kernel.media.drm_signals import Signals
from kernel.media.mpd_document import write_mpd
from kernel.media.playlist import parse_media
from kernel.media.xml_reader import read_xml
from kernel.vocabulary import Tier
from origin.encode import thumbnails
from origin.encode.plan import MIN_LAST_SEGMENT, AudioTrack, EncodePlan
from origin.ingest.subprocesses import ProgramFailed, Programs, last_line, run_program
from origin.package import hls_media
from origin.package.encryption import Encryption, packager_flags
from origin.package.images import IMAGE_PLAYLIST, ImageTrack, write_image_playlist
from origin.package.key_signals import signal_init, signal_manifest
from origin.package.manifest import finish_manifest, read_tracks
from origin.package.multivariant import IFrameRates, write_multivariant
from origin.package.packaged_track import PackagedTrack
from origin.package.streams import (
    I_FRAMES,
    INIT,
    MANIFEST,
    MASTER,
    PLAYLIST,
    PackagedStream,
    packaged_streams,
    packager_arguments,
    pad_webvtt,
    rendition_folder,
    webvtt_folder,
)
from origin.package.top_playlists import make_top_files, make_transport_tops, tier_streams, with_steering
from origin.package.transport_stream import join_files, package_transport_stream, write_transport_multivariant
from origin.storage.records import AudioRendition, EncryptionRecord, Rendition, TextRendition

PACKAGED = "packaged"
"""The folder that `package_title` makes."""
THUMBNAILS = "thumbs"
"""Where the poster, the sheets and their index are, below the folder of the encoded tracks."""


class Packaged(msgspec.Struct, frozen=True):
    """What the title's record says of the packaged files. Survives JSON: the next step may run in another process."""

    renditions: tuple[Rendition, ...]
    sound: tuple[AudioRendition, ...]
    text: tuple[TextRendition, ...]
    streams: dict[str, str]
    tiers: dict[str, dict[str, str]]
    thumbnail: str
    thumbnails: str
    encryption: EncryptionRecord | None = None


@dataclass(frozen=True, slots=True)
class PackageRequest:
    """What to package: a plan whose tracks are encoded in `encoded`. `steering`: the gateway, "" = none."""

    plan: EncodePlan
    encoded: Path
    content_id: str
    publication: int
    encryption: Encryption | None = None
    steering: str = ""

    def folder(self, name: str) -> str:
        """A track's folder in the tree."""
        return rendition_folder(name, self.publication)


def package_title(programs: Programs, request: PackageRequest, folder: Path) -> Packaged:
    """Make `folder/packaged`, whole or not at all; an earlier one is replaced. Raises Bug, StorageFailed."""
    part = folder / f".packaged.{os.getpid()}.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        for name in ("tree", "tops", "text"):
            (part / name).mkdir(parents=True)
        packaged = _package(programs, request, part)
        shutil.rmtree(part / "text")
        final = folder / PACKAGED
        shutil.rmtree(final, ignore_errors=True)
        part.rename(final)
    except (OSError, ValueError) as error:
        raise Bug(f"the packager's files cannot be read or rewritten: {error}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return packaged


def _package(programs: Programs, request: PackageRequest, part: Path) -> Packaged:
    plan, tree, tops = request.plan, part / "tree", part / "tops"
    for track in plan.text:
        text = track.file(request.encoded).read_text(encoding="utf-8")
        track.file(part / "text").write_text(pad_webvtt(text, plan), encoding="utf-8")
    # By relative paths, since a comma in a folder of the operator's would end the packager's field.
    encoded = Path(os.path.relpath(request.encoded, tree))
    streams = packaged_streams(plan, encoded, Path("../text"), request.publication)
    _run_packager(programs, request, streams, tree)
    images = _copy_images(request, tree)
    root = read_xml((tree / MANIFEST).read_bytes())
    packaged = _read_packaged(read_tracks(root), streams, tree)
    signals = _signals(request, streams)
    i_frames = _write_playlists(request, packaged, signals, tree)
    text_folders = {stream.name: stream.folder for stream in streams if stream.label is None}
    finish_manifest(root, plan, packaged, text_folders, images)
    if signals:
        signal_manifest(root, signals)
    webvtt = {track.name: webvtt_folder(track, request.publication) for track in plan.text}
    master = write_multivariant(plan, packaged, i_frames, webvtt, images)
    for name in (MASTER, MANIFEST):
        (tree / name).unlink()
    session_keys = request.encryption.session_lines() if request.encryption else {}
    made = make_top_files(master, write_mpd(root), session_keys)
    made |= _transport_tops(programs, request, packaged, tree)
    if request.steering:
        made = with_steering(made, request.steering, request.content_id)
    for name, data in made.items():
        (tops / name).write_bytes(data)
    return _record(request, packaged, made)


def _run_packager(programs: Programs, request: PackageRequest, streams: tuple[PackagedStream, ...], tree: Path) -> None:
    encryption = request.encryption
    arguments = packager_arguments(request.plan, streams, request.publication, encrypted=encryption is not None)
    try:
        if encryption is None:
            run_program(programs.packager, arguments, folder=tree)
            return
        with packager_flags(encryption) as (flags, descriptor):
            run_program(programs.packager, [*arguments, *flags], folder=tree, inherit=(descriptor,))
    except ProgramFailed as failed:
        message = last_line(encryption.redact(failed.errors) if encryption else failed.errors)
        raise Bug(f"packaging failed with status {failed.status}: {message}") from None


def _copy_images(request: PackageRequest, tree: Path) -> ImageTrack:
    folder = request.folder(THUMBNAILS)
    shutil.copytree(request.encoded / THUMBNAILS, tree / folder)
    sheets = sorted((tree / folder).glob("sprite-*.jpg"), key=lambda file: int(file.stem.removeprefix("sprite-")))
    if not sheets:
        raise Bug("the film has no sheet of thumbnails")
    sizes = tuple(sheet.stat().st_size for sheet in sheets)
    track = ImageTrack(folder, request.plan.thumbnails, request.plan.duration, sizes)
    (tree / folder / IMAGE_PLAYLIST).write_text(write_image_playlist(track), encoding="utf-8")
    return track


def _read_packaged(
    listed: Mapping[str, tuple[str, int, tuple[int, ...]]], streams: tuple[PackagedStream, ...], tree: Path
) -> dict[str, PackagedTrack]:
    """The tracks by name, with the last two segments of sound joined where the last is very short."""
    found = {}
    for stream in streams:
        if stream.label is None:
            continue
        codecs, timescale, durations = listed.get(stream.folder, ("", 1, ()))
        if not durations:
            raise Bug(f"the packager's manifest does not list {stream.folder}")
        files = [tree / stream.folder / f"{number:05d}.m4s" for number in range(1, len(durations) + 1)]
        short = durations[-1] < MIN_LAST_SEGMENT * timescale
        if isinstance(stream.track, AudioTrack) and len(durations) > 1 and short:
            # Two fragments in one segment: each has times and encryption data of its own.
            join_files(files[-2], files.pop())
            durations = (*durations[:-2], durations[-2] + durations[-1])
        sizes = tuple(file.stat().st_size for file in files)
        found[stream.name] = PackagedTrack(stream.folder, codecs, timescale, durations, sizes)
    return found


def _signals(request: PackageRequest, streams: tuple[PackagedStream, ...]) -> dict[str, Signals]:
    """What DRM systems are told, by folder; none for a clear title."""
    encryption = request.encryption
    if encryption is None:
        return {}
    return {stream.folder: encryption.signals(stream.label) for stream in streams if stream.label is not None}


def _write_playlists(
    request: PackageRequest, packaged: Mapping[str, PackagedTrack], signals: Mapping[str, Signals], tree: Path
) -> dict[str, IFrameRates]:
    """Write the media playlists of CMAF and the `pssh` boxes of init segments; returns the rates of I-frames."""
    plan = request.plan
    rates = {}
    for name, track in packaged.items():
        folder, own = tree / track.folder, signals.get(track.folder)
        (folder / PLAYLIST).write_text(hls_media.write_rendition(track, own), encoding="utf-8")
        if (folder / I_FRAMES).exists():
            segments = parse_media((folder / I_FRAMES).read_text(encoding="utf-8")).segments
            (folder / I_FRAMES).write_text(hls_media.write_i_frames(segments, own), encoding="utf-8")
            rates[name] = IFrameRates(*hls_media.i_frame_rates(segments))
    for subtitle in plan.text:
        playlist = tree / webvtt_folder(subtitle, request.publication) / PLAYLIST
        listed = parse_media(playlist.read_text(encoding="utf-8"))
        playlist.write_text(hls_media.write_text(listed), encoding="utf-8")
    _write_boxes(request, packaged, tree)
    return rates


def _write_boxes(request: PackageRequest, packaged: Mapping[str, PackagedTrack], tree: Path) -> None:
    if request.encryption is None:
        return
    for stream in packaged_streams(request.plan, Path(), Path(), request.publication):
        if stream.label is not None:
            init = tree / packaged[stream.name].folder / INIT
            init.write_bytes(signal_init(init.read_bytes(), request.encryption.init_boxes(stream.label)))


def _transport_tops(
    programs: Programs, request: PackageRequest, packaged: Mapping[str, PackagedTrack], tree: Path
) -> dict[str, bytes]:
    """MPEG-TS, which is never encrypted: what its players could decrypt, others could too."""
    if not request.plan.mpeg_ts or request.encryption is not None:
        return {}
    folders = {name: track.folder for name, track in packaged.items()}
    made = package_transport_stream(programs, request.plan, request.encoded, tree, folders)
    return make_transport_tops(write_transport_multivariant(request.plan, made, packaged))


def _record(request: PackageRequest, packaged: Mapping[str, PackagedTrack], tops: Mapping[str, bytes]) -> Packaged:
    plan = request.plan
    loudest = max((packaged[track.name].peak for track in plan.audio), default=0)
    streams, tiers = tier_streams(tops)
    folder = request.folder(THUMBNAILS)
    return Packaged(
        renditions=tuple(
            Rendition(
                request.folder(rung.name), rung.width, rung.height, rung.lines, packaged[rung.name].peak + loudest
            )
            for rung in sorted(plan.rungs, key=lambda rung: -rung.lines)
        ),
        sound=tuple(
            AudioRendition(
                request.folder(track.name), track.language, track.bit_rate, track.channels, track.title,
                track.disposition.default,
            )
            for track in plan.audio
        ),
        text=tuple(
            TextRendition(request.folder(track.name), track.language, track.title, track.disposition.forced)
            for track in plan.text
        ),
        streams=streams,
        tiers={str(tier): tiers[tier] for tier in Tier if tier in tiers},
        thumbnail=f"{folder}/{thumbnails.POSTER}",
        thumbnails=f"{folder}/{thumbnails.INDEX}",
        encryption=request.encryption.record() if request.encryption else None,
    )  # fmt: skip
