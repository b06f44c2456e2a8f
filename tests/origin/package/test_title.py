"""A title as the real packager and ffmpeg package it."""

import json
import subprocess
from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest

from kernel.errors import Bug
from kernel.media.content_keys import KeyLabel
from kernel.media.playlist import parse_media, parse_multivariant
from kernel.media.xml_reader import read_xml
from origin.package.manifest import read_tracks
from origin.package.title import Packaged, PackageRequest, package_title
from origin.verify.boxes import bodies
from origin.verify.encryption import is_encrypted, read_protection


@pytest.fixture(scope="module")
def clear(tools, encoded_film, tmp_path_factory):
    """(what its record says, its folder) of the second publication, with steering."""
    folder = tmp_path_factory.mktemp("clear")
    request = PackageRequest(encoded_film.plan, encoded_film.folder, "film", 2, steering="http://gate")
    return package_title(tools, request, folder), folder / "packaged"


def test_the_tree(clear):
    """A folder a track, none with a number of another publication; top files beside it."""
    _, folder = clear
    assert {file.name for file in (folder / "tree").iterdir()} == {
        "v240-2", "v360-2", "a_eng-2", "a_fra-2", "a_fra_51-2", "s_eng-2", "t_eng-2", "thumbs-2", "ts",
    }  # fmt: skip
    assert {file.name for file in (folder / "tree" / "ts").iterdir()} == {"v240-2", "v360-2", "a_fra-2"}
    tops = {file.name for file in (folder / "tops").iterdir()}
    assert {"master.m3u8", "manifest.mpd", "master-ts.m3u8", "master-sd.m3u8", "manifest-sd.mpd"} <= tops


def test_all_that_playlists_name_is_there(clear):
    _, folder = clear
    for name in ("master.m3u8", "master-ts.m3u8"):
        top = parse_multivariant((folder / "tops" / name).read_text())
        for uri in top.uris():
            playlist = folder / "tree" / uri
            listed = parse_media(playlist.read_text())
            for named in [listed.init, *(segment.uri for segment in listed.segments)]:
                assert named is None or (playlist.parent / named).stat().st_size > 0, (uri, named)


def test_no_segment_is_very_short_and_picture_and_sound_end_together(clear, encoded_film):
    """8.24 s: a segment of 0.24 s would keep a browser from the end of the film."""
    _, folder = clear
    root = read_xml((folder / "tops" / "manifest.mpd").read_bytes())
    for name, (_, timescale, ticks) in read_tracks(root).items():
        if not name.startswith("t_"):
            assert [round(one / timescale) for one in ticks] == [4, 4], name
            assert abs(sum(ticks) / timescale - encoded_film.plan.duration) < 0.03, name
            assert len(list((folder / "tree" / name).glob("*.m4s"))) == 2


def test_joined_segments_decode_without_a_gap(clear, tools, tmp_path):
    """The last two of the sound are one file of two fragments."""
    _, folder = clear
    sound = folder / "tree" / "a_eng-2"
    last = (sound / "00002.m4s").read_bytes()
    assert len(list(bodies(last, b"moof"))) == 2
    whole = tmp_path / "sound.mp4"
    whole.write_bytes((sound / "init.mp4").read_bytes() + (sound / "00001.m4s").read_bytes() + last)
    command = [tools.ffprobe, "-v", "error", "-show_entries", "packet=pts,duration", "-of", "json", str(whole)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not done.stderr
    packets = json.loads(done.stdout)["packets"]
    steps = {later["pts"] - earlier["pts"] for earlier, later in pairwise(packets)}
    assert steps == {1024}


def test_what_the_record_says(clear):
    """It survives JSON, and players' addresses are of the publication."""
    packaged, _ = clear
    assert msgspec.json.decode(msgspec.json.encode(packaged), type=Packaged) == packaged
    assert [one.name for one in packaged.renditions] == ["v360-2", "v240-2"]
    assert [(one.name, one.channels, one.default) for one in packaged.sound] == [
        ("a_eng-2", 2, True), ("a_fra-2", 2, False), ("a_fra_51-2", 6, False),
    ]  # fmt: skip
    assert [one.name for one in packaged.text] == ["s_eng-2"]
    assert packaged.streams == {"hls": "master.m3u8", "dash": "manifest.mpd", "ts": "master-ts.m3u8"}
    assert packaged.tiers["sd"] == {"hls": "master-sd.m3u8", "dash": "manifest-sd.mpd", "ts": "master-ts-sd.m3u8"}
    assert packaged.thumbnail == "thumbs-2/poster.jpg"


def test_subtitles_reach_the_end_and_cross_segments(clear):
    """Whoever seeks behind the start of a subtitle still sees it: it is in both segments."""
    _, folder = clear
    subtitles = folder / "tree" / "s_eng-2"
    texts = [(subtitles / f"{number:05d}.vtt").read_text() for number in (1, 2)]
    assert ["First" in text for text in texts] == [True, False]
    assert ["Across segments" in text for text in texts] == [True, True]
    assert parse_media((subtitles / "main.m3u8").read_text()).duration == 8.0


def test_steering_is_named_in_every_top_file(clear):
    _, folder = clear
    for file in (folder / "tops").iterdir():
        assert b"http://gate/steering/film" in file.read_bytes(), file.name


def test_an_encrypted_title(packaged_film):
    """All picture and sound, under the key of its label; no MPEG-TS, no encrypted text."""
    packaged, folder, encryption = packaged_film("cbcs")
    assert packaged.encryption.key_ids == {"SD": "1" * 32, "AUDIO": "3" * 32}
    assert "ts" not in packaged.streams
    assert not (folder / "tree" / "ts").exists()
    for track in ("v240", "v360", "a_eng", "a_fra", "a_fra_51"):
        key = encryption.keys[KeyLabel.SD if track.startswith("v") else KeyLabel.AUDIO].key_id
        assert read_protection((folder / "tree" / track / "init.mp4").read_bytes()) == ("cbcs", key)
        for segment in (folder / "tree" / track).glob("*.m4s"):
            assert is_encrypted(segment.read_bytes()), segment
    assert "#EXT-X-KEY" in (folder / "tree" / "v360" / "iframe.m3u8").read_text()
    assert read_protection((folder / "tree" / "t_eng" / "init.mp4").read_bytes()) is None
    master = (folder / "tops" / "master.m3u8").read_text()
    assert master.count("#EXT-X-SESSION-KEY:") == 8


def test_a_failure_leaves_nothing(tools, encoded_film, tmp_path):
    """And what an earlier run made stays."""
    (tmp_path / "packaged" / "tree").mkdir(parents=True)
    request = PackageRequest(encoded_film.plan, tmp_path / "away", "film", 1)
    with pytest.raises(Bug, match="cannot be read or rewritten"):
        package_title(tools, request, tmp_path)
    with pytest.raises(Bug, match="packaging failed with status"):
        package_title(replace(tools, packager="/bin/false"), replace(request, encoded=encoded_film.folder), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["packaged"]
