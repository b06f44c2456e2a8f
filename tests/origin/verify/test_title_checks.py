"""What the checks find in a packaged title: nothing in a whole one, and each kind of damage by its own check."""

import pytest

from origin.verify.findings import Check
from origin.verify.fragments import SegmentTimes
from origin.verify.title_checks import check_title
from tests.origin.verify.damage import replaced


@pytest.mark.parametrize("kind", ["clear", "cbcs", "cenc"])
def test_a_whole_title_has_no_finding(read, kind):
    assert check_title(*read(kind)) == []


def lost(path):
    def change(facts):
        del facts.sizes[path]
        facts.texts.pop(path, None)
        facts.times.pop(path, None)

    return change


def moved(path, *, start=0, sync=True, gaps=False):
    def change(facts):
        was = facts.times[path]
        facts.times[path] = SegmentTimes(was.start + start, was.duration, was.starts_with_sync and sync, gaps)

    return change


def larger(path, size):
    return lambda facts: facts.sizes.__setitem__(path, size)


TOP, MPD = "master.m3u8", "manifest.mpd"
LAST = b'<S t="192512" d="203008" />'


@pytest.mark.parametrize(
    ("change", "check", "path", "why"),
    [
        (lost("v240/00002.m4s"), Check.HLS, "v240/main.m3u8", "'00002.m4s', which is not there"),
        (lost("v240/00002.m4s"), Check.DASH, MPD, "v240/00002.m4s, which is not there"),
        (lost("v360/main.m3u8"), Check.RECORD, "v360/main.m3u8", "named by the title's record"),
        (lost("thumbs/sprite-1.jpg"), Check.HLS, "thumbs/main.m3u8", "sprite-1.jpg"),
        (lost("t_eng/init.mp4"), Check.DASH, MPD, "'t_eng/init.mp4', which is not there"),
        (lost("master-ts-sd.m3u8"), Check.RECORD, "master-ts-sd.m3u8", "not there"),
        (replaced(TOP, b"#EXT-X-INDEPENDENT-SEGMENTS\n", b""), Check.HLS, TOP, "independent"),
        (replaced(TOP, b'AUDIO="aud"', b'AUDIO="other"'), Check.HLS, TOP, "names no group"),
        (larger("v360/00001.m4s", 4_000_000), Check.HLS, TOP, "measured"),
        (replaced("v240/iframe.m3u8", b"BYTERANGE:", b"BYTERANGE:9"), Check.HLS, "v240/iframe.m3u8", "beyond the end"),
        (replaced("v360/main.m3u8", b"4.000000", b"3.500000"), Check.GOP, "v360/main.m3u8", "begin at the times"),
        (replaced("ts/v360/main.m3u8", b"#EXTINF:4.240000,\n00002.ts\n", b""), Check.GOP, "ts/v360/main.m3u8", "1 seg"),
        (replaced(MPD, b' minBufferTime="PT2S"', b""), Check.DASH, MPD, "no @minBufferTime"),
        (replaced(MPD, b'd="203008"', b'd="203009"'), Check.TIMELINE, "a_eng/00002.m4s", "the manifest says"),
        (replaced(MPD, LAST, b""), Check.DASH, MPD, "does not name a_eng/00002.m4s"),
        (replaced(MPD, LAST, b""), Check.TIMELINE, "a_eng", "ends at 4.01 s"),
        (
            replaced(MPD, b'timescale="48000" init', b'timescale="44100" init'),
            Check.TIMELINE,
            "a_eng/init.mp4",
            "timescale",
        ),
        (moved("v360/00002.m4s", start=1), Check.TIMELINE, "v360/00002.m4s", "is at 100001"),
        (moved("a_eng/00002.m4s", gaps=True), Check.TIMELINE, "a_eng/00002.m4s", "with gaps"),
        (moved("v240/00002.m4s", sync=False), Check.GOP, "v240/00002.m4s", "keyframe"),
        (replaced(TOP, b"IMAGE-STREAM-INF:", b"IMAGE-STREAM-INF:=,"), Check.HLS, TOP, "malformed"),
        (replaced(MPD, b'timescale="48000" init', b'timescale="0" init'), Check.DASH, MPD, "timescale of a_eng is 0"),
        (replaced(MPD, b'd="203008"', b'd="203008" r="999999999999999"'), Check.DASH, MPD, "more than 100000 segments"),
        (
            replaced("v240/iframe.m3u8", b"#EXTINF", b'#EXT-X-KEY:METHOD=AES-128,URI="k"\n#EXTINF'),
            Check.ENCRYPTION,
            "v240/iframe.m3u8",
            "names a key",
        ),
        (lambda facts: facts.encrypted.update({"v240/00001.m4s": True}), Check.ENCRYPTION, "v240/00001.m4s", "encrypt"),
    ],
)
def test_each_damage_is_found(read, change, check, path, why):
    """By the check that it belongs to, at the file that it is in."""
    described, facts = read("clear")
    change(facts)
    found = check_title(described, facts)
    assert [one for one in found if one.check is check and one.path == path and why in one.detail], found


def test_a_very_short_last_segment_is_found(read):
    """As films had that never ended in a browser."""
    described, facts = read("clear")
    change = (b'<S t="0" d="100000" /><S t="100000" d="106000" />', b'<S t="0" d="200000" /><S t="200000" d="6000" />')
    facts.texts[MPD] = facts.texts[MPD].replace(*change)
    assert [one for one in check_title(described, facts) if "lasts 0.24 s" in one.detail]


def test_findings_are_bounded(read):
    described, facts = read("clear")
    facts.sizes.clear()
    assert len(check_title(described, facts)) <= 200
