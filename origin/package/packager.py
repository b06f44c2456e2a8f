"""Packaging: the encoded files become CMAF segments, with HLS playlists and a DASH manifest.

Every URI is relative, so that a path may contain a token. `--use_fake_clock_for_muxer` and `--single_threaded` make the
output reproducible.
"""

from __future__ import annotations

import os
from pathlib import Path

from kernel.errors import Bug
from kernel.media.ladder import SEGMENT_SECONDS
from kernel.media.xml_reader import read_xml
from origin.encode.encoder import Track
from origin.encode.source import UNKNOWN_LANGUAGE
from origin.ingest.subprocesses import ProgramFailed, Programs, last_line, run_program
from origin.package.encryption import Encryption, label_of, packager_flags
from origin.package.key_signals import signal_init, signal_manifest, signal_playlist
from origin.package.mpd_document import write_mpd

MASTER, MANIFEST = "master.m3u8", "manifest.mpd"


def rendition_folder(name: str, publication: int) -> str:
    """A rendition's folder: `v720` in the first publication, `v720-2` in the second."""
    return name if publication == 1 else f"{name}-{publication}"


def packager_arguments(
    tracks: tuple[Track, ...], encoded: Path, publication: int, *, encrypted: bool = False
) -> list[str]:
    """The arguments of the packager, which runs in the folder of the tree; the encoded files are in `encoded`."""
    arguments = [
        _stream(track, encoded, rendition_folder(track.name, publication), tracks, encrypted=encrypted)
        for track in tracks
    ]
    languages = [track.audio.language for track in tracks if track.audio]
    arguments += [
        "--quiet", "--single_threaded", "--use_fake_clock_for_muxer",
        "--segment_duration", str(SEGMENT_SECONDS), "--fragment_duration", str(SEGMENT_SECONDS),
        "--hls_playlist_type", "VOD", "--per_playlist_target_duration", "--generate_static_live_mpd",
        "--hls_master_playlist_output", MASTER, "--mpd_output", MANIFEST,
    ]  # fmt: skip
    if languages and languages[0] != UNKNOWN_LANGUAGE:
        arguments += ["--default_language", languages[0]]
    return arguments


def _stream(track: Track, encoded: Path, folder: str, tracks: tuple[Track, ...], *, encrypted: bool) -> str:
    fields = {
        "in": str(track.file(encoded)),
        "stream": "video" if track.rung else "audio",
        "init_segment": f"{folder}/init.mp4",
        "segment_template": f"{folder}/$Number%05d$.m4s",
        "playlist_name": f"{folder}/main.m3u8",
    }
    if track.rung:
        fields["iframe_playlist_name"] = f"{folder}/iframe.m3u8"
    if track.audio:
        fields |= {"hls_group_id": "aud", "hls_name": _shown_name(track, tracks)}
        if track.audio.language != UNKNOWN_LANGUAGE:  # the packager refuses `und`
            fields["lang"] = track.audio.language
    if encrypted:
        fields["drm_label"] = label_of(track)
    for value in fields.values():
        if "," in value:
            raise Bug(f"the packager cannot take a comma in {value!r}")
    return ",".join(f"{name}={value}" for name, value in fields.items())


def _shown_name(track: Track, tracks: tuple[Track, ...]) -> str:
    """What a player's menu shows: the track's title where it has one of its own (RFC 8216: unique in the group)."""
    titles = [other.audio.title for other in tracks if other.audio]
    assert track.audio is not None  # noqa: S101 (asked for sound only)
    title = track.audio.title
    return title if title and titles.count(title) == 1 else track.name.removeprefix("a_")


def package(
    programs: Programs,
    tracks: tuple[Track, ...],
    encoded: Path,
    tree: Path,
    publication: int,
    encryption: Encryption | None = None,
) -> None:
    """Make the tree; its folder must be there and empty. The packager's status says little: see verify."""
    # By a relative path, since a comma in a folder of the operator's would end the packager's field.
    source = Path(os.path.relpath(encoded, tree))
    arguments = packager_arguments(tracks, source, publication, encrypted=encryption is not None)
    if encryption is None:
        _run(programs, arguments, tree)
        return
    with packager_flags(encryption) as (flags, descriptor):
        _run(programs, [*arguments, *flags], tree, encryption, descriptor)
    _signal_keys(tracks, tree, publication, encryption)


def _run(
    programs: Programs, arguments: list[str], tree: Path, encryption: Encryption | None = None, *inherit: int
) -> None:
    try:
        run_program(programs.packager, arguments, folder=tree, inherit=inherit)
    except ProgramFailed as failed:
        message = last_line(encryption.redact(failed.errors) if encryption else failed.errors)
        raise Bug(f"packaging failed with status {failed.status}: {message}") from None


def _signal_keys(tracks: tuple[Track, ...], tree: Path, publication: int, encryption: Encryption) -> None:
    """Tell DRM systems, in playlists, manifest and init segments, of each track's own key and of no other."""
    try:
        by_folder = {}
        for track in tracks:
            folder = tree / rendition_folder(track.name, publication)
            by_folder[folder.name] = signals = encryption.signals(label_of(track))
            for name in ("main.m3u8", "iframe.m3u8") if track.rung else ("main.m3u8",):
                text = (folder / name).read_text(encoding="utf-8")
                (folder / name).write_text(signal_playlist(text, signals), encoding="utf-8")
            init = folder / "init.mp4"
            init.write_bytes(signal_init(init.read_bytes(), encryption.init_boxes(label_of(track))))
        root = read_xml((tree / MANIFEST).read_bytes())
        signal_manifest(root, by_folder)
        (tree / MANIFEST).write_bytes(write_mpd(root))
    except (OSError, ValueError) as error:
        raise Bug(f"the packager's files cannot be rewritten: {error}") from None
