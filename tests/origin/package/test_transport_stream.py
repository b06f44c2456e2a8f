"""MPEG-TS HLS of the H.264 rungs, by the real ffmpeg."""

import json
import subprocess

import msgspec

from kernel.media.playlist import parse_media, parse_multivariant
from origin.encode.profile import Codec
from origin.package.packaged_track import PackagedTrack
from origin.package.transport_stream import (
    package_transport_stream,
    transport_rungs,
    write_transport_multivariant,
)
from tests.origin.encoded_film import make_plan

PLAN = make_plan()


def tracks(plan=PLAN):
    names = [rung.name for rung in plan.rungs] + [track.name for track in plan.audio]
    codecs = {"v": "avc1.64001e", "a": "mp4a.40.2"}
    return {name: PackagedTrack(f"ts/{name}", codecs[name[0]], 1000, (4000,), (1000,)) for name in names}


def test_default_sound_is_in_the_segments_and_other_sound_beside_them():
    """No 5.1: a player of MPEG-TS only may not know it. The codecs are those of all that may play together."""
    playlist = parse_multivariant(write_transport_multivariant(PLAN, tracks(), tracks()))
    assert [(line["NAME"], line.get("URI"), line["DEFAULT"]) for line in playlist.media] == [
        ("English", None, "YES"),
        ("Le film, commenté", "ts/a_fra/main.m3u8", "NO"),
    ]
    assert [one.uri for one in playlist.variants] == ["ts/v240/main.m3u8", "ts/v360/main.m3u8"]
    assert playlist.variants[0].attributes["CODECS"] == "avc1.64001e,mp4a.40.2"


def test_other_codecs_stay_out():
    hevc = msgspec.structs.replace(PLAN.rungs[0], codec=Codec.HEVC)
    plan = msgspec.structs.replace(PLAN, rungs=(hevc, PLAN.rungs[1]), audio=())
    assert transport_rungs(plan) == (PLAN.rungs[1],)
    assert "AUDIO" not in write_transport_multivariant(plan, tracks(plan), tracks(plan))


def test_segments_begin_with_keyframes_and_the_last_is_not_short(tools, encoded_film, tmp_path):
    """8.24 s are segments of 4 s and 4.24 s; each has picture and sound, and decodes by itself."""
    folders = {name: name for name in ("v240", "v360", "a_eng", "a_fra")}
    made = package_transport_stream(tools, encoded_film.plan, encoded_film.folder, tmp_path, folders)
    assert set(made) == {"v240", "v360", "a_fra"}
    playlist = parse_media((tmp_path / "ts/v240/main.m3u8").read_text())
    assert [round(segment.duration, 2) for segment in playlist.segments] == [4.0, 4.24]
    assert sorted(file.name for file in (tmp_path / "ts/v240").iterdir()) == ["00001.ts", "00002.ts", "main.m3u8"]
    assert [round(one) for one in made["a_fra"].seconds] == [4, 4], "its last 0.2 s are joined to those before"
    command = [tools.ffprobe, "-v", "error", "-show_entries", "packet=flags,codec_type", "-of", "json"]
    probed = subprocess.run([*command, tmp_path / "ts/v240/00002.ts"], capture_output=True, check=True)
    packets = json.loads(probed.stdout)["packets"]
    assert {packet["codec_type"] for packet in packets} == {"video", "audio"}
    assert next(packet for packet in packets if packet["codec_type"] == "video")["flags"].startswith("K")
