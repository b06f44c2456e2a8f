"""The top files of every tier."""

from xml.etree import ElementTree as ET

from kernel.media.content_keys import KeyLabel
from kernel.media.playlist import parse_multivariant
from origin.package.top_playlists import make_top_files, make_transport_tops, tier_streams, with_steering

NS = "{urn:mpeg:dash:schema:mpd:2011}"
MASTER = """#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,URI="a_und/main.m3u8",GROUP-ID="aud",NAME="und",DEFAULT=NO,AUTOSELECT=YES
#EXT-X-STREAM-INF:BANDWIDTH=1
v480-2/main.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2
v1080-2/main.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=3
v2160-2/main.m3u8
"""


def representation(folder, width, height):
    return (
        f'<Representation width="{width}" height="{height}"><SegmentTemplate initialization="{folder}/init.mp4"/>'
        "</Representation>"
    )


MPD = (
    '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet maxWidth="3840" maxHeight="2160">'
    + representation("v480-2", 854, 480)
    + representation("v1080-2", 1920, 1080)
    + representation("v2160-2", 3840, 2160)
    + "</AdaptationSet><AdaptationSet>"
    + representation("a_und", 0, 0)
    + "</AdaptationSet></Period></MPD>"
).encode()


def test_each_tier_sees_what_it_may():
    """576 lines, 1080 lines, all; the same cut in HLS and DASH."""
    made = make_top_files(MASTER, MPD)
    for name, folders in (
        ("sd", ["v480-2"]),
        ("hd", ["v480-2", "v1080-2"]),
        ("uhd", ["v480-2", "v1080-2", "v2160-2"]),
    ):
        playlist = parse_multivariant(made[f"master-{name}.m3u8"].decode())
        assert [one.uri.partition("/")[0] for one in playlist.variants] == folders
        root = ET.fromstring(made[f"manifest-{name}.mpd"])
        starts = [one.get("initialization") for one in root.iter(f"{NS}SegmentTemplate")]
        assert starts == [f"{folder}/init.mp4" for folder in [*folders, "a_und"]]
    assert made["manifest.mpd"] == MPD
    assert b'maxHeight="480"' in made["manifest-sd.mpd"]
    assert b"ns0:" not in made["manifest-sd.mpd"]


def test_a_tier_without_rendition_has_no_list():
    """Its viewers are refused, not sent an empty list."""
    master = MASTER.replace("v480-2", "v720-2").replace("v2160-2", "v720-3")
    assert set(make_top_files(master, MPD)) == {
        "master.m3u8", "manifest.mpd", "master-hd.m3u8", "manifest-hd.mpd", "master-uhd.m3u8", "manifest-uhd.mpd",
    }  # fmt: skip


def test_a_tier_names_the_keys_of_its_own_renditions():
    """A CDM that names another is refused its licence."""
    lines = {label: f"#EXT-X-SESSION-KEY:{label}" for label in KeyLabel}
    made = make_top_files(MASTER, MPD, lines)
    for name, labels in (("-sd", ["SD", "AUDIO"]), ("-hd", ["SD", "HD", "AUDIO"]), ("", ["SD", "HD", "UHD", "AUDIO"])):
        text = made[f"master{name}.m3u8"].decode().splitlines()
        assert [one.rpartition(":")[2] for one in text if "SESSION-KEY" in one] == labels
        assert text.index("#EXT-X-SESSION-KEY:SD") < next(i for i, one in enumerate(text) if "EXT-X-MEDIA" in one)
    assert b"SESSION-KEY" not in make_top_files(MASTER, MPD)["master.m3u8"]


def test_mpeg_ts_is_cut_by_tier_too():
    """Its renditions are a folder deeper."""
    master = MASTER.replace("v480", "ts/v480").replace("v1080", "ts/v1080").replace("v2160-2", "ts/v2160hdr")
    made = make_transport_tops(master)
    assert set(made) == {"master-ts.m3u8", *(f"master-ts-{tier}.m3u8" for tier in ("sd", "hd", "uhd"))}
    sd = parse_multivariant(made["master-ts-sd.m3u8"].decode())
    assert [one.uri for one in sd.variants] == ["ts/v480-2/main.m3u8"]
    assert b"v2160hdr" not in made["master-ts-hd.m3u8"]
    streams, tiers = tier_streams([*made, "master.m3u8", "manifest.mpd", "master-sd.m3u8"])
    assert streams == {"hls": "master.m3u8", "dash": "manifest.mpd", "ts": "master-ts.m3u8"}
    assert tiers["sd"] == {"hls": "master-sd.m3u8", "ts": "master-ts-sd.m3u8"}


def test_with_steering_every_top_file_names_the_gateway_and_is_still_everybodys():
    made = with_steering(make_top_files(MASTER, MPD), "http://gate", "film")
    for name, data in made.items():
        text = data.decode()
        if name.endswith(".m3u8"):
            assert '#EXT-X-CONTENT-STEERING:SERVER-URI="http://gate/steering/film",PATHWAY-ID="here"' in text
            assert text.count("PATHWAY-ID=") == 1 + text.count("#EXT-X-STREAM-INF")
            assert all("://" not in one.uri for one in parse_multivariant(text).variants)
        else:
            root = ET.fromstring(data)
            assert root.findtext(f"{NS}ContentSteering") == "http://gate/steering/film?manifest=dash"
            assert root.findtext(f"{NS}BaseURL") == "./"
    assert set(made) == set(make_top_files(MASTER, MPD))
