"""ffmpeg reads the whole film through an edge, by the token in the path."""

import json
import subprocess

import pytest


def frames(ffprobe, url):
    """Decoded frames of every video track, and of all sound tracks together: ({height: frames}, sound frames)."""
    command = [ffprobe, "-v", "error", "-count_frames", "-show_streams", "-of", "json", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    streams = json.loads(done.stdout)["streams"]
    video = {stream["height"]: int(stream["nb_read_frames"]) for stream in streams if stream["codec_type"] == "video"}
    sound = sum(int(stream["nb_read_frames"]) for stream in streams if stream["codec_type"] == "audio")
    return video, sound


@pytest.mark.needs("ffmpeg", "ffprobe")
@pytest.mark.parametrize("stream", ["streamUrl", "dashUrl"])
def test_a_player_decodes_as_many_frames_as_the_film_has(platform, session, program, stream):
    """Every rendition has every frame of the source, in HLS and in DASH."""
    source, _ = frames(program("ffprobe"), str(platform.film))
    video, sound = frames(program("ffprobe"), session[stream])
    assert set(source.values()) == {250}
    assert len(video) >= 2
    assert set(video.values()) == {250}, video
    assert sound > 400, "10 s of AAC at 48 kHz are 469 frames"


@pytest.mark.needs("ffmpeg")
def test_both_edges_give_the_same_film(session, program):
    """The hash of all decoded pictures is the same from either edge."""
    hashes = set()
    for url in session["edges"]:
        command = [program("ffmpeg"), "-v", "error", "-i", url, "-map", "0:v:0", "-f", "hash", "-"]
        hashes.add(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)
    assert len(session["edges"]) == 2
    assert len(hashes) == 1
