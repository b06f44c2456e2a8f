import itertools
import struct

import pytest

from loadtest.player.cmcd import CmcdMode
from loadtest.player.player import Player
from loadtest.player.settings import Format, PlayerSettings
from loadtest.session import Device, EndReason, Failure, Pause, RequestKind, Seek, Viewer
from tests.loadtest.simulated import HOST, LADDER, Network, hls_title, play

TITLE = HOST + "/cdn/eu/t/master.m3u8"


def watch(network=None, *, viewer=None, until_s=600.0, late_s=0.0, **settings):
    network = network or Network(hls_title())
    player = Player(viewer or Viewer(1, TITLE), PlayerSettings(**settings), "sid-1")
    play(player, network, until_s=until_s, late_s=late_s)
    return player.record, network


def asked(network, kind=RequestKind.SEGMENT, track=None):
    return [one.url.removeprefix(HOST) for one in network.asked if one.kind is kind and track in (None, one.track)]


def test_a_film_is_watched_to_the_end_in_order():
    record, network = watch()
    assert record.end is EndReason.WATCHED
    assert record.played_s == pytest.approx(60.0)
    assert record.startup_s == pytest.approx(0.25 + PlayerSettings().first_frame_s, abs=0.1)
    assert (record.stall_count, record.errors) == (0, 0)
    video = asked(network, track="video")
    assert [url[-9:-4] for url in video] == [f"{number:05d}" for number in range(1, 16)]
    assert asked(network, track="audio") == [f"/cdn/eu/t/audio/{number:05d}.m4s" for number in range(1, 16)]
    inits = asked(network, RequestKind.INIT)
    assert len(inits) == len(set(inits))


def test_the_first_requests_are_those_of_hls_js():
    _, network = watch()
    first = [one.url.removeprefix(HOST + "/cdn/eu/t/") for one in network.asked[:4]]
    assert first[0] == "master.m3u8"
    assert set(first[1:3]) == {"v360/main.m3u8", "audio/main.m3u8"}


def test_the_buffer_goal_paces_the_requests():
    record, network = watch(Network(hls_title(seconds=120)), viewer=Viewer(1, TITLE, device=Device(buffer_goal_s=20.0)))
    late = [one for one in network.asked if one.track == "video" and one.sent_s > 8.0]
    gaps = [after.sent_s - before.sent_s for before, after in itertools.pairwise(late)]
    assert gaps
    assert all(gap == pytest.approx(4.0, abs=0.1) for gap in gaps)
    assert record.pacing_error.max < 0.01


def test_a_late_driver_is_seen_as_pacing_error():
    record, _ = watch(Network(hls_title(seconds=120)), late_s=0.4)
    assert record.pacing_error.percentile(0.95) == pytest.approx(0.1, rel=0.1)


def test_a_slow_line_gets_a_low_rung_and_a_fast_one_a_high_one():
    slow, _ = watch(Network(hls_title(), lambda _: 1.3e6))
    fast, _ = watch(Network(hls_title(), lambda _: 40e6))
    assert slow.bitrate_mean_bps == LADDER[360]
    assert fast.bitrate_mean_bps > 5e6


def test_the_abr_rule_matters():
    """Replacing it by a constant rung shows: it stalls where the line is slow and wastes it where it is fast."""
    viewer = Viewer(1, TITLE, device=Device(buffer_goal_s=12.0))

    def line(now):
        return 12e6 if now % 120 < 60 else 1.2e6

    adaptive, _ = watch(Network(hls_title(seconds=240), line), viewer=viewer)
    assert adaptive.rebuffer_ratio < 0.01
    assert adaptive.switches >= 2
    for bps in LADDER.values():
        constant, _ = watch(Network(hls_title(seconds=240), line), viewer=viewer, abr=f"fixed:{bps}")
        stalls_more = constant.rebuffer_ratio > adaptive.rebuffer_ratio + 0.02
        shows_less = constant.bitrate_mean_bps < 0.7 * adaptive.bitrate_mean_bps
        assert stalls_more or shows_less, bps


def test_a_drop_of_the_line_makes_the_player_give_up_a_segment():
    record, _network = watch(Network(hls_title(seconds=120), lambda now: 30e6 if now < 8 else 0.9e6))
    assert record.rungs_s[LADDER[360]] > 0
    assert record.stalled_s < 10


def test_the_device_bounds_the_rung():
    record, _ = watch(viewer=Viewer(1, TITLE, device=Device(max_height=480)))
    assert max(record.rungs_s) == LADDER[480]


def test_viewers_leave_when_they_have_watched_enough():
    record, _network = watch(viewer=Viewer(1, TITLE, watch_s=10.0))
    assert record.end is EndReason.LEFT
    assert record.played_s == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("rate", "end"),
    [(lambda _: 1e5, EndReason.EXIT_BEFORE_START), (lambda now: 2e6 if now < 3 else 1e3, EndReason.LEFT_WAITING)],
)
def test_viewers_have_patience(rate, end):
    record, _ = watch(Network(hls_title(), rate), viewer=Viewer(1, TITLE, patience_s=5.0))
    assert record.end is end
    assert (record.startup_s is None) == (end is EndReason.EXIT_BEFORE_START)


def test_a_seek_loads_from_there():
    record, network = watch(
        Network(hls_title(seconds=600)), viewer=Viewer(1, TITLE, watch_s=20.0, actions=(Seek(5.0, 400.0),))
    )
    numbers = [int(url[-9:-4]) for url in asked(network, track="video")]
    assert 101 in numbers
    assert 50 not in numbers
    assert record.stall_count == 0
    assert record.seek_waits_s > 0


def test_a_pause_stops_the_film_and_the_loading_when_the_buffer_is_full():
    record, network = watch(
        Network(hls_title(seconds=600)), viewer=Viewer(1, TITLE, watch_s=20.0, actions=(Pause(5.0, 100.0),))
    )
    assert record.paused_s == pytest.approx(100.0)
    assert len(asked(network, track="video")) < 16


def test_a_viewer_resumes_where_they_were():
    record, network = watch(viewer=Viewer(1, TITLE, start_position_s=40.0))
    assert asked(network, track="video")[0].endswith("00011.m4s")
    assert record.played_s == pytest.approx(20.0)


def test_a_muxed_title_has_one_track():
    record, network = watch(Network(hls_title(audio=False)))
    assert record.end is EndReason.WATCHED
    assert asked(network, track="audio") == []


def test_failed_segments_are_repeated():
    def fails(fetch, now):
        return 503 if fetch.kind is RequestKind.SEGMENT and 5 < now < 7 else None

    record, _ = watch(Network(hls_title(seconds=120), fails=fails))
    assert record.end is EndReason.WATCHED
    assert record.errors > 0
    assert record.stall_count == 0


@pytest.mark.parametrize("outcome", [503, Failure.CONNECT, Failure.LENGTH])
def test_playback_fails_when_nothing_helps(outcome):
    def fails(fetch, now):
        return outcome if fetch.kind is RequestKind.SEGMENT and now > 5 else None

    record, _ = watch(Network(hls_title(seconds=600), fails=fails))
    assert record.end is EndReason.PLAYBACK_FAILED
    assert str(outcome) in record.end_detail


@pytest.mark.parametrize(
    ("status", "end"),
    [(404, EndReason.START_FAILED), (500, EndReason.START_FAILED), (451, EndReason.REFUSED), (403, EndReason.REFUSED)],
)
def test_a_manifest_that_is_refused_ends_the_start(status, end):
    record, _ = watch(Network(hls_title(), fails=lambda fetch, now: status))
    assert record.end is end
    assert record.startup_s is None


def test_an_unplayable_manifest_is_named():
    record, _ = watch(Network({"/cdn/eu/t/master.m3u8": b"<html>"}))
    assert record.end is EndReason.START_FAILED
    assert "MPD" in record.end_detail


def two_pathways():
    held = hls_title()
    lines = held["/cdn/eu/t/master.m3u8"].decode().splitlines()
    made = [*lines[:1], '#EXT-X-CONTENT-STEERING:SERVER-URI="/steer",PATHWAY-ID="A"', lines[1]]
    for tag, uri in zip(lines[2::2], lines[3::2], strict=True):
        made += [tag + ',PATHWAY-ID="A"', uri, tag + ',PATHWAY-ID="B"', "http://b.example/cdn/eu/t/" + uri]
    held["/cdn/eu/t/master.m3u8"] = "\n".join(made).encode()
    return held


def test_a_dead_edge_is_left_for_another_pathway_without_a_stall():
    def fails(fetch, now):
        return Failure.CONNECT if now > 10 and fetch.url.startswith(HOST) else None

    held = two_pathways()
    # The other pathway has its own audio group, as the platform's steered playlists have.
    top = held["/cdn/eu/t/master.m3u8"].decode().splitlines()
    audio_b = top[2].replace('GROUP-ID="a"', 'GROUP-ID="b"').replace('URI="', 'URI="http://b.example/cdn/eu/t/')
    top = [line.replace('AUDIO="a"', 'AUDIO="b"') if '"B"' in line else line for line in top]
    held["/cdn/eu/t/master.m3u8"] = "\n".join([*top[:3], audio_b, *top[3:]]).encode()
    record, network = watch(Network(held, fails=fails))
    assert record.end is EndReason.WATCHED
    assert record.stall_count == 0
    assert record.pathway_switches == 1
    assert any(one.url.startswith("http://b.example") for one in network.asked)


def test_content_steering_moves_the_player():
    held = two_pathways()
    held["/steer"] = lambda fetch, now: {"VERSION": 1, "TTL": 10, "PATHWAY-PRIORITY": ["A" if now < 15 else "B"]}
    record, network = watch(Network(held))
    steers = [one for one in network.asked if one.kind is RequestKind.STEERING]
    assert len(steers) >= 3
    assert "_HLS_pathway=A" in steers[0].url
    assert "_HLS_throughput=" in steers[1].url
    assert record.pathway_switches == 1
    assert record.end is EndReason.WATCHED
    assert record.stall_count == 0


LIVE_SEGMENTS = 6


def live_playlist(fetch, now):
    newest = int(now / 4) + LIVE_SEGMENTS
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:4", f"#EXT-X-MEDIA-SEQUENCE:{newest - LIVE_SEGMENTS}"]
    for number in range(newest - LIVE_SEGMENTS, newest):
        lines += ["#EXTINF:4,", f"{number:05d}.m4s"]
    return "\n".join(lines).encode()


def test_a_live_title_is_followed_at_its_end():
    held = {"/live/v.m3u8": live_playlist, "/live/top.m3u8": b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000000\nv.m3u8"}
    held |= {f"/live/{number:05d}.m4s": 500_000 for number in range(60)}
    record, network = watch(Network(held), viewer=Viewer(1, HOST + "/live/top.m3u8", watch_s=60.0))
    assert record.end is EndReason.LEFT
    numbers = [int(url[-9:-4]) for url in asked(network)]
    assert numbers == list(range(3, numbers[-1] + 1)), "three segments behind the end, none twice, none left out"
    assert record.stall_count == 0


GATEWAY = "http://gateway.example"
START = {
    "streamUrl": HOST + "/cdn/eu/t/master.m3u8", "dashUrl": HOST + "/cdn/eu/t/manifest.mpd", "sessionId": "g-1",
    "contentId": "t", "resumePosition": 20, "heartbeatInterval": 10,
    "edges": [HOST + "/cdn/eu/t/master.m3u8", "http://b.example/cdn/eu/t/master.m3u8"],
}  # fmt: skip


def gateway(**more):
    return hls_title() | {
        "/playback/start": START | more,
        "/playback/heartbeat": {},
        "/playback/stop": {},
        "/events/cmcd": b"",
    }


def through_gateway(network, **settings):
    return watch(network, viewer=Viewer(1, "t"), gateway=GATEWAY, **settings)


def test_the_gateway_says_where_a_title_plays_and_hears_how_far_it_is():
    record, network = through_gateway(Network(gateway()), sends_events=True)
    assert record.session_id == "g-1"
    assert record.played_s == pytest.approx(40.0), "from the resume position"
    beats = [body for url, body in network.posted if url == GATEWAY + "/playback/heartbeat"]
    assert len(beats) == 3 or len(beats) == 4
    assert b'"sessionId": "g-1"' in beats[0]
    assert b'"edge": "http://cdn.example"' in beats[0]
    assert network.posted[-2][0] == GATEWAY + "/playback/stop"
    events = b"".join(body for url, body in network.posted if url == GATEWAY + "/events/cmcd").decode()
    states = [line.partition("sta=")[2][0] for line in events.splitlines() if "e=ps" in line]
    assert states == ["s", "p", "e"]
    assert events.count("e=rr") == sum(
        one.kind in (RequestKind.MANIFEST, RequestKind.INIT, RequestKind.SEGMENT) for one in network.asked
    )


def test_a_target_without_events_and_heartbeats_is_asked_once():
    held = gateway()
    for path in ("/playback/heartbeat", "/playback/stop", "/events/cmcd"):
        del held[path]
    record, network = through_gateway(Network(held), sends_events=True)
    kinds = [one.kind for one in network.asked]
    assert kinds.count(RequestKind.HEARTBEAT) == kinds.count(RequestKind.EVENTS) == 1
    assert record.errors == 0
    assert record.end is EndReason.WATCHED


def test_when_an_edge_dies_the_next_one_that_the_gateway_named_is_used():
    def fails(fetch, now):
        return Failure.CONNECT if now > 5 and fetch.url.startswith(HOST) else None

    record, network = through_gateway(Network(gateway(), fails=fails))
    assert record.end is EndReason.WATCHED
    assert record.stalled_s <= 2
    assert network.asked[-2].url.startswith(("http://b.example", GATEWAY))


def test_an_expired_token_is_replaced_by_a_new_start():
    starts = []

    def start(fetch, now):
        starts.append(now)
        return START | {"streamUrl": f"{HOST}/t/{len(starts)}/cdn/eu/t/master.m3u8", "edges": [], "resumePosition": 0}

    held = {path.replace("/cdn", f"/t/{token}/cdn"): body for token in (1, 2) for path, body in hls_title().items()}
    held |= {"/playback/start": start, "/playback/heartbeat": {}}

    def fails(fetch, now):
        return 401 if "/t/1/" in fetch.url and now > 12 else None

    record, _network = through_gateway(Network(held, fails=fails))
    assert record.end is EndReason.WATCHED
    assert len(starts) == 2
    assert record.stall_count == 0


def test_a_refusal_says_why():
    def refusal(fetch, now):
        return 451 if fetch.kind is RequestKind.START else None

    record, _ = through_gateway(Network(gateway(), fails=refusal))
    assert record.end is EndReason.REFUSED
    assert "451" in record.end_detail


def test_a_gateway_that_is_down_for_a_moment_is_asked_again():
    def down(fetch, now):
        return Failure.CONNECT if fetch.kind is RequestKind.START and now < 1.0 else None

    record, _ = through_gateway(Network(gateway(), fails=down))
    assert record.end is EndReason.WATCHED
    assert record.startup_s > 1.0


KEY_ID = "00112233445566778899aabbccddeeff"
PROTECTED = {"drmLicenseInfo": {"type": "clearkey", "licenseUrl": "/drm/clearkey?session=g-1", "keyIds": [KEY_ID]}}
LICENCE = {"keys": [{"kty": "oct", "kid": "ABEiM0RVZneImaq7zN3u_w", "k": "AAAAAAAAAAAAAAAAAAAAAA"}]}


def test_an_encrypted_title_shows_nothing_before_its_licence():
    def late(fetch, now):
        return 503 if fetch.kind is RequestKind.LICENCE and now < 3.0 else None

    held = gateway(**PROTECTED, resumePosition=0) | {"/drm/clearkey": LICENCE}
    record, network = through_gateway(Network(held, fails=late), retry_delay_s=1.0)
    licences = [one for one in network.asked if one.kind is RequestKind.LICENCE]
    assert len(licences) == 3
    assert licences[0].url == GATEWAY + "/drm/clearkey?session=g-1"
    segments = [one for one in network.asked if one.kind is RequestKind.SEGMENT]
    assert segments[0].sent_s < licences[1].sent_s, "segments are loaded meanwhile"
    assert record.startup_s > 3.0
    assert record.end is EndReason.WATCHED


@pytest.mark.parametrize(
    ("licence", "end", "said"),
    [({"keys": []}, EndReason.START_FAILED, KEY_ID), (None, EndReason.REFUSED, "licence failed")],
)
def test_a_title_that_cannot_be_unlocked_is_not_played(licence, end, said):
    held = gateway(**PROTECTED) | {"/drm/clearkey": licence}
    refuses = licence is None
    network = Network(held, fails=lambda fetch, _: 403 if refuses and fetch.kind is RequestKind.LICENCE else None)
    record, _ = through_gateway(network)
    assert (record.end, record.startup_s) == (end, None)
    assert said in record.end_detail


def test_a_key_of_hls_is_loaded_once_and_before_its_segments_play():
    held = hls_title(audio=False, ladder={360: 800_000})
    playlist = held["/cdn/eu/t/v360/main.m3u8"].decode()
    lines = playlist.replace("#EXTINF", '#EXT-X-KEY:METHOD=AES-128,URI="/keys/1"\n#EXTINF', 1)
    held |= {"/cdn/eu/t/v360/main.m3u8": lines.encode(), "/keys/1": b"k" * 16}
    record, network = watch(Network(held))
    assert record.end is EndReason.WATCHED
    assert asked(network, RequestKind.LICENCE) == ["/keys/1"]
    record, _ = watch(Network(held, fails=lambda fetch, _: 404 if fetch.kind is RequestKind.LICENCE else None))
    assert record.end is EndReason.START_FAILED


def with_subtitles():
    held = hls_title()
    top = held["/cdn/eu/t/master.m3u8"].decode()
    media = '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="{0}",LANGUAGE="{0}",URI="{0}/main.m3u8"{1}'
    lines = [media.format("en", ",DEFAULT=YES"), media.format("de", ""), media.format("fr", ",FORCED=YES")]
    top = top.replace("#EXTM3U", "\n".join(["#EXTM3U", *lines])).replace(',AUDIO="a"', ',AUDIO="a",SUBTITLES="s"')
    held["/cdn/eu/t/master.m3u8"] = top.encode()
    for language in ("en", "de"):
        rows = [f"#EXTINF:20,\n{number}.vtt" for number in range(3)]
        text = "\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:20", *rows, "#EXT-X-ENDLIST"])
        held[f"/cdn/eu/t/{language}/main.m3u8"] = text.encode()
        held |= {f"/cdn/eu/t/{language}/{number}.vtt": 2_000 for number in range(3)}
    return held


@pytest.mark.parametrize(("wanted", "language"), [("default", "en"), ("de-AT", "de"), ("off", ""), ("fr", "")])
def test_subtitles_are_loaded_as_the_viewer_wants_them(wanted, language):
    record, network = watch(Network(with_subtitles()), subtitles=wanted)
    expected = [f"/cdn/eu/t/{language}/{number}.vtt" for number in range(3)] if language else []
    assert asked(network, track="text") == expected
    assert record.end is EndReason.WATCHED


def test_the_film_goes_on_without_subtitles_that_fail():
    fails = Network(with_subtitles(), fails=lambda fetch, _: 404 if fetch.track == "text" else None)
    record, network = watch(fails, max_failures=2)
    assert record.end is EndReason.WATCHED
    assert record.stall_count == 0
    assert len(asked(network, RequestKind.MANIFEST, "text")) == 2
    assert record.errors == 2


MPD = (
    '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT60S"><Period>'
    '<AdaptationSet contentType="video"><SegmentTemplate media="v$RepresentationID$/$Number%05d$.m4s"'
    ' initialization="v$RepresentationID$/init.mp4" duration="4"/>'
    '<Representation id="360" bandwidth="800000" height="360"/>'
    '<Representation id="720" bandwidth="3000000" height="720"/>'
    '</AdaptationSet><AdaptationSet contentType="audio"><SegmentTemplate media="audio/$Number%05d$.m4s" duration="4"/>'
    '<Representation id="a" bandwidth="128000"/></AdaptationSet></Period></MPD>'
)  # fmt: skip


def test_dash_is_played_by_the_same_player():
    held = gateway(resumePosition=0) | {"/cdn/eu/t/manifest.mpd": MPD.encode()}
    record, network = through_gateway(Network(held), format=Format.DASH)
    assert record.end is EndReason.WATCHED
    assert record.played_s == pytest.approx(60.0)
    assert set(record.rungs_s) == {800_000, 3_000_000}
    assert len(asked(network, track="audio")) == 15


def test_dash_with_an_index_reads_it_first():
    rows = b"".join(struct.pack(">III", 500_000, 4000, 0x90000000) for _ in range(15))
    box = struct.pack(">I4sB3xIIIIHH", 32 + len(rows), b"sidx", 0, 1, 1000, 0, 0, 0, 15) + rows
    mpd = (
        '<MPD type="static" mediaPresentationDuration="PT60S"><Period><AdaptationSet mimeType="video/mp4">'
        '<Representation id="v" bandwidth="1000000"><BaseURL>v.mp4</BaseURL>'
        f'<SegmentBase indexRange="700-{699 + len(box)}"><Initialization range="0-699"/></SegmentBase></Representation>'
        "</AdaptationSet></Period></MPD>"
    )
    held = {"/x/m.mpd": mpd.encode(), "/x/v.mp4": b"\0" * 700 + box + b"\0" * 15}

    def serve(fetch, now):
        return held["/x/v.mp4"] if fetch.keeps_body else 7_600_000

    record, network = watch(Network({"/x/m.mpd": mpd.encode(), "/x/v.mp4": serve}), viewer=Viewer(1, HOST + "/x/m.mpd"))
    assert record.end is EndReason.WATCHED
    ranges = [(one.kind, one.byte_range.offset) for one in network.asked if one.byte_range]
    assert ranges[:3] == [
        (RequestKind.MANIFEST, 700),
        (RequestKind.INIT, 0),
        (RequestKind.SEGMENT, 700 + len(box)),
    ]


def test_cmcd_goes_with_media_and_tells_no_token():
    held = {"/t/JWT" + path: body for path, body in hls_title().items()}
    viewer = Viewer(1, HOST + "/t/JWT/cdn/eu/t/master.m3u8")
    for mode in (CmcdMode.V1_QUERY, CmcdMode.V2_QUERY):
        record, network = watch(Network(dict(held)), viewer=viewer, cmcd=mode)
        assert record.end is EndReason.WATCHED
        segment = [one for one in network.asked if one.kind is RequestKind.SEGMENT and one.track == "video"][3]
        said = segment.url.partition("CMCD=")[2]
        assert "JWT" not in said
        for key in ("sid%3D%22sid-1%22", "ot%3Dv", "br%3D", "bl%3D", "d%3D4000", "nor%3D", "00005.m4s"):
            assert key in said, key
        assert all("CMCD=" in one.url for one in network.asked)


def test_the_end_of_a_run_aborts_what_is_on_its_way():
    player = Player(Viewer(1, TITLE), PlayerSettings(), "s")
    network = Network(hls_title())
    play(player, network, until_s=3.0)
    assert player.is_over
    assert player.record.end is EndReason.RUN_ENDED
