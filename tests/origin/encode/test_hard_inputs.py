"""Real, tiny, hard inputs through probe, plan, encoding and the checks of the result: what was found wrong once."""

import json
import re
import subprocess

import msgspec
import pytest

from kernel.errors import BadRequest
from origin.encode.audio import encode_audio
from origin.encode.check import check_encoded, measure
from origin.encode.loudness import measure_loudness
from origin.encode.planner import plan_encode
from origin.encode.profile import PROFILES
from origin.encode.source import Crop, DropReason, Dynamic, Fields
from origin.encode.text import extract_text
from origin.encode.video import encode_chunk, join_rung
from origin.ingest.probe import probe
from tests.origin.encode.films import FilmMaker, encode_all


@pytest.fixture(scope="session")
def maker(tmp_path_factory, tools):
    """Makes the inputs; imageio-ffmpeg encodes ten bits."""
    from origin.ingest.decoders import choose_ffmpeg

    return FilmMaker(
        tmp_path_factory.mktemp("hard"), tools.ffmpeg, choose_ffmpeg(tools, "av1", "libx265", "yuv420p10le")
    )


@pytest.fixture
def encode(tools, tmp_path):
    """`encode(film, profile, **changes)` → the plan and the measurements, once `check_encoded` passed."""

    def run(film, profile="default", **changes):
        options = msgspec.structs.replace(PROFILES[profile], **({"preset": "ultrafast", "rungs": 1} | changes))
        plan = plan_encode(probe(tools, film), options)
        encode_all(film, plan, tools, tmp_path)
        return plan, check_encoded(tools, plan, tmp_path)

    return run


def ask(tools, file, *arguments):
    """ffprobe's JSON."""
    command = [tools.ffprobe, "-v", "error", *arguments, "-of", "json", str(file)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def filtered(tools, file, filters):
    """What a filter says of a file on stderr."""
    command = [tools.ffmpeg, "-nostdin", "-nostats", "-i", str(file), "-vf", filters, "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stderr


def grey(tools, file, time, width=16, height=12):
    """A small grey picture of the frame at a time, as bytes."""
    command = [tools.ffmpeg, "-nostdin", "-v", "error", "-ss", str(time), "-i", str(file), "-frames:v", "1"]
    command += ["-vf", f"scale={width}:{height}:flags=area,format=gray", "-f", "rawvideo", "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def difference(one, other):
    """The mean difference of two pictures' pixels."""
    return sum(abs(left - right) for left, right in zip(one, other, strict=True)) / len(one)


def test_an_interlaced_film_is_not_combed(encode, maker, tools, tmp_path):
    """Two fields of different times stood in one picture."""
    plan, _ = encode(maker.interlaced())
    assert plan.source.video.fields is Fields.TOP_FIRST

    def combed(file):
        found = re.findall(
            r"Multi frame detection: TFF:\s*(\d+) BFF:\s*(\d+) Progressive:\s*(\d+)", filtered(tools, file, "idet")
        )
        top, bottom, progressive = map(int, found[-1])
        return (top + bottom) / max(1, top + bottom + progressive)

    assert combed(maker.interlaced()) > 0.9
    assert combed(tmp_path / "v240.mp4") < 0.1


@pytest.mark.parametrize(("transfer", "dynamic"), [("smpte2084", Dynamic.HDR10), ("arib-std-b67", Dynamic.HLG)])
def test_hdr_is_not_published_as_sdr(encode, maker, tools, tmp_path, transfer, dynamic):
    """It became H.264 in 8 bits, still tagged PQ; now SDR is tone mapped, and HEVC in ten bits keeps its metadata."""
    plan, _ = encode(maker.hdr(transfer), "hdr")
    assert [(rung.name, rung.dynamic) for rung in plan.rungs] == [("v240", "sdr"), ("v240hdr", dynamic)]
    entries = "stream=color_transfer,color_primaries,color_space:frame=side_data_list"
    sdr = ask(tools, tmp_path / "v240.mp4", "-show_frames", "-show_entries", entries, "-read_intervals", "%+#1")
    assert sdr["streams"][0] == dict.fromkeys(("color_space", "color_transfer", "color_primaries"), "bt709")
    assert "Mastering" not in json.dumps(sdr)
    hdr = ask(tools, tmp_path / "v240hdr.mp4", "-show_frames", "-show_entries", entries, "-read_intervals", "%+#1")
    wanted = {"color_space": "bt2020nc", "color_transfer": transfer, "color_primaries": "bt2020"}
    assert hdr["streams"][0] | wanted == hdr["streams"][0]
    assert ("Mastering display metadata" in json.dumps(hdr)) is (dynamic is Dynamic.HDR10)


def test_av1_is_decoded_by_an_ffmpeg_that_can(encode, maker, tools):
    """The packaged one has no decoder for it; where none has, the refusal says what to install."""
    plan, _ = encode(maker.av1())
    assert plan.source.video.codec == "av1"
    alone = type(tools)(tools.ffmpeg, tools.ffprobe, tools.packager)
    with pytest.raises(BadRequest, match="no ffmpeg here decodes av1; install imageio-ffmpeg"):
        encode_chunk(alone, plan, plan.rungs, plan.chunks[0], maker.av1(), maker.folder, lambda _: None)


def test_a_track_of_an_unknown_codec_is_left_out(encode, maker):
    """An iPhone's spatial sound refused the film."""
    plan, _ = encode(maker.spatial())
    assert len(plan.audio) == 1
    assert plan.dropped[0].reason is DropReason.UNKNOWN_CODEC


def test_sound_may_outlast_the_picture(encode, maker):
    """Without DURATION tags the film was taken for truncated; it ends with its picture."""
    plan, _ = encode(maker.without_durations("outlasting.mkv", seconds=2, sound_seconds=5))
    assert plan.duration == pytest.approx(2.0, abs=0.1)


def test_a_picture_may_begin_late(maker, tools):
    """ffmpeg's DURATION of a Matroska track is its end, not its length: the film was taken for truncated."""
    film = maker.with_sound(
        "late.mkv", "-vf", "setpts=PTS+2/TB", "-fps_mode", "passthrough", "-c:a", "aac", sound_seconds=4
    )
    assert probe(tools, film).duration == pytest.approx(4.0, abs=0.1)


def test_a_picture_that_ends_before_its_time_is_truncated(maker, tools, tmp_path):
    """Found before anything is encoded, by the container's length that no track reaches."""
    whole = maker.without_durations("cut.mkv", seconds=6).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadRequest, match=r"header says 6\.0. s") as caught:
        probe(tools, tmp_path / "cut.mkv")
    assert caught.value.reason == "truncated"


def test_a_clock_that_jumps(encode, maker):
    """3,605 s were promised; sound and picture stay together through the jump."""
    plan, measured = encode(maker.jumping())
    assert plan.duration == pytest.approx(4.0, abs=0.1)
    assert measured["a_und"].duration == pytest.approx(plan.duration, abs=0.045)


def test_a_cover_is_not_the_film(encode, maker):
    """It was larger, default and not flagged as a cover."""
    plan, _ = encode(maker.covered())
    assert (plan.source.video.width, plan.frames) == (320, 50)
    assert plan.dropped[0].reason is DropReason.ATTACHED_PICTURE


def test_picture_and_sound_of_one_programme(encode, maker):
    """A film had the picture of one and the sound of the other."""
    plan, _ = encode(maker.two_programmes())
    assert (plan.source.video.width, [track.language for track in plan.audio]) == (640, ["fra"])


def test_a_crop_of_the_container_is_applied_once(encode, maker, tools, tmp_path):
    """The picture was cropped, then stretched to its old shape."""
    plan, _ = encode(maker.cropped())
    assert plan.source.video.crop == Crop(left=40, bottom=40)
    assert (plan.rungs[0].width, plan.rungs[0].height) == (280, 200)
    command = [tools.ffmpeg, "-v", "error", "-i", str(maker.picture("uncropped.mkv")), "-frames:v", "1"]
    command += ["-vf", "crop=280:200:40:0,scale=16:12:flags=area,format=gray", "-f", "rawvideo", "-"]
    wanted = subprocess.run(command, capture_output=True, check=True).stdout
    assert difference(wanted, grey(tools, tmp_path / f"{plan.rungs[0].name}.mp4", 0)) < 6


def test_a_screen_recording_keeps_its_burst(encode, maker):
    """1 frame/s with 60 frames/s for half a second became 10 frames/s."""
    plan, _ = encode(maker.screen())
    assert round(plan.rate.fraction) == 60


def test_an_upright_film_is_upright(encode, maker):
    """Turned once, by the display matrix."""
    plan, _ = encode(maker.rotated())
    assert (plan.rungs[0].width, plan.rungs[0].height) == (240, 320)


def test_text_subtitles_become_webvtt(maker, tools, tmp_path):
    """They were dropped without a word; markup and dispositions stay."""
    film = maker.subtitled()
    plan = plan_encode(probe(tools, film), PROFILES["default"])
    assert [(track.name, track.disposition.forced) for track in plan.text] == [
        ("s_deu", False), ("s_und", True), ("s_und2", False),
    ]  # fmt: skip
    for track in plan.text:
        text = extract_text(tools, plan, track, film, tmp_path).read_text()
        assert text.startswith("WEBVTT")
        assert "00:00.500 --> 00:01.000\nGrüße" in text
        assert "<i>two</i>" in text


def test_the_default_track_in_stereo_and_surround(encode, maker, tools, tmp_path):
    """The commentary that stands first was the default; loudness is that of the profile on every track."""
    plan, _ = encode(maker.surround(), loudness=-24.0)
    assert [(track.name, track.channels, track.disposition.default) for track in plan.audio] == [
        ("a_und", 2, True), ("a_und_51", 6, True), ("a_und2", 1, False),
    ]  # fmt: skip
    assert plan.audio[2].disposition.commentary
    for track in plan.audio:
        assert measure_loudness(tools, track.file(tmp_path)) == pytest.approx(-24.0, abs=1.0)


def test_chunks_join_to_the_film_that_one_call_makes(maker, tools, tmp_path):
    """Frame by frame, though the frame rate varies and keyframes of the source lie elsewhere."""
    choose = "select=not(mod(n\\,7))+between(n\\,60\\,100)"
    options = ["-vf", choose, "-fps_mode", "vfr", "-c:v", "libx264", "-g", "33"]
    film = maker.picture("varying.mkv", *options, seconds=17, rate="12")
    plan = plan_encode(probe(tools, film), msgspec.structs.replace(PROFILES["default"], preset="ultrafast", rungs=1))
    assert len(plan.chunks) == 3
    rung, folder = plan.rungs[0], tmp_path / "it's chunked"
    folder.mkdir()
    files = [encode_chunk(tools, plan, [rung], chunk, film, folder, lambda _: None, 1)[0] for chunk in plan.chunks]
    join_rung(tools, plan, rung, files, folder)
    whole = msgspec.structs.replace(plan, chunks=(msgspec.structs.replace(plan.chunks[0], frames=plan.frames),))
    encode_chunk(tools, whole, [rung], whole.chunks[0], film, tmp_path, lambda _: None)
    joined, at_once = rung.file(folder), rung.chunk_file(tmp_path, whole.chunks[0])
    assert measure(tools, joined).keyframes == measure(tools, at_once).keyframes
    compare = ["-i", str(joined), "-i", str(at_once), "-lavfi", "ssim=stats_file=-", "-f", "null", "-"]
    said = subprocess.run([tools.ffmpeg, "-v", "error", *compare], capture_output=True, check=True, text=True).stdout
    scores = [float(score) for score in re.findall(r"All:([\d.]+)", said)]
    assert len(scores) == plan.frames
    assert min(scores) > 0.95


def test_a_chunk_that_lacks_frames_is_an_error(maker, tools, tmp_path):
    """ffmpeg's status is 0 all the same; no file is left."""
    film = maker.picture("short.mp4", "-c:v", "libx264")
    plan = plan_encode(probe(tools, film), msgspec.structs.replace(PROFILES["default"], preset="ultrafast"))
    longer = msgspec.structs.replace(plan.chunks[0], frames=100)
    with pytest.raises(BadRequest, match="only 2"):
        encode_chunk(tools, plan, plan.rungs, longer, film, tmp_path, lambda _: None)
    assert not list(tmp_path.glob("*.mp4"))


def test_silence_is_published_as_it_is(maker, tools, tmp_path):
    """It has no loudness to normalise."""
    film = maker.run("silence.mkv", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=1", "-f", "lavfi",
                     "-i", "anullsrc=r=48000:cl=stereo", "-t", "1", "-preset", "ultrafast")  # fmt: skip
    plan = plan_encode(probe(tools, film), msgspec.structs.replace(PROFILES["loudness"], rungs=1))
    track = plan.audio[0]
    encode_audio(tools, plan, track, film, tmp_path, lambda _: None)
    assert measure_loudness(tools, track.file(tmp_path)) is None


def test_a_small_file_that_promises_days_is_refused(maker, tools):
    """Two frames a day apart: nothing is planned or encoded."""
    days = ["-vf", "trim=end_frame=2,setpts=N*86400/TB", "-fps_mode", "passthrough", "-c:v", "libx264"]
    film = maker.picture("days.mkv", *days, seconds=100_000)
    assert film.stat().st_size < 20_000
    with pytest.raises(BadRequest, match="s of film, more than the limit of 43200 s"):
        probe(tools, film)
