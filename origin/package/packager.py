"""PACKAGE: the encoded files become CMAF segments once, with HLS playlists and a DASH manifest beside them.

Every URI is relative: that is what lets a token stand in the path. `--use_fake_clock_for_muxer` and
`--single_threaded` make the same input give the same bytes.
"""

from __future__ import annotations

import os
from pathlib import Path

from kernel.errors import Bug
from kernel.media.ladder import SEGMENT_SECONDS
from origin.encode.encoder import Track
from origin.ingest.probe import UNKNOWN_LANGUAGE
from origin.ingest.subprocesses import ProgramFailed, Programs, last_line, output

MASTER, MANIFEST = "master.m3u8", "manifest.mpd"


def folder_of(name: str, publication: int) -> str:
    """A rendition's folder: `v720` in the first publication, `v720-2` in the second."""
    return name if publication == 1 else f"{name}-{publication}"


def command(made: tuple[Track, ...], encoded: Path, publication: int) -> list[str]:
    """The packager's arguments; run in the folder of the tree, which sees the encoded files at `encoded`."""
    arguments = [_stream(track, encoded, folder_of(track.name, publication), made) for track in made]
    languages = [track.audio.language for track in made if track.audio]
    arguments += [
        "--quiet", "--single_threaded", "--use_fake_clock_for_muxer",
        "--segment_duration", str(SEGMENT_SECONDS), "--fragment_duration", str(SEGMENT_SECONDS),
        "--hls_playlist_type", "VOD", "--per_playlist_target_duration", "--generate_static_live_mpd",
        "--hls_master_playlist_output", MASTER, "--mpd_output", MANIFEST,
    ]  # fmt: skip
    if languages and languages[0] != UNKNOWN_LANGUAGE:
        arguments += ["--default_language", languages[0]]
    return arguments


def _stream(track: Track, encoded: Path, folder: str, made: tuple[Track, ...]) -> str:
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
        fields |= {"hls_group_id": "aud", "hls_name": _shown_name(track, made)}
        if track.audio.language != UNKNOWN_LANGUAGE:  # the packager refuses `und`
            fields["lang"] = track.audio.language
    for value in fields.values():
        if "," in value:
            raise Bug(f"the packager cannot take a comma in {value!r}")
    return ",".join(f"{name}={value}" for name, value in fields.items())


def _shown_name(track: Track, made: tuple[Track, ...]) -> str:
    """What a player's menu shows: the track's title where it has one of its own (RFC 8216: unique in the group)."""
    titles = [other.audio.title for other in made if other.audio]
    assert track.audio is not None  # noqa: S101 (asked for sound only)
    title = track.audio.title
    return title if title and titles.count(title) == 1 else track.name.removeprefix("a_")


def package(programs: Programs, made: tuple[Track, ...], encoded: Path, tree: Path, publication: int) -> None:
    """Make the tree; its folder must be there and empty. The packager's status says little: see verify."""
    # By a relative path, since a comma in a folder of the operator's would end the packager's field.
    arguments = command(made, Path(os.path.relpath(encoded, tree)), publication)
    try:
        output(programs.packager, arguments, folder=tree)
    except ProgramFailed as failed:
        raise Bug(f"packaging failed with status {failed.status}: {last_line(failed.errors)}") from None
