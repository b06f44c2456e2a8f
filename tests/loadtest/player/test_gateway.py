import json

import pytest

from loadtest.player.gateway import read_start, start_url
from loadtest.player.settings import Format, PlayerSettings
from loadtest.session import Viewer

ASKED = "http://g.example/playback/start?contentId=t"
SAID = {
    "streamUrl": "http://e1/t/J/cdn/eu/t/master.m3u8",
    "dashUrl": "http://e1/t/J/cdn/eu/t/manifest.mpd",
    "sessionId": "s",
    "edges": ["http://e1/t/J/cdn/eu/t/master.m3u8", "http://e2/t/J/cdn/eu/t/master.m3u8", 7],
    "drmLicenseInfo": {"type": "clearkey", "licenseUrl": "/drm/clearkey?session=s", "keyIds": ["00" * 16]},
}


def read(format_=Format.HLS, **more):
    return read_start(json.dumps(SAID | more).encode(), ASKED, format_)


def test_the_query_says_title_format_device_and_key_system():
    assert start_url(Viewer(1, "a b&c"), PlayerSettings(gateway="http://g", format=Format.DASH, drm="widevine")) == (
        "http://g/playback/start?contentId=a%20b%26c&format=dash&drm=widevine&device=desktop"
    )


def test_the_answer_names_other_edges_and_the_licence():
    found = read(heartbeatInterval=0.1, resumePosition=-3)
    assert found.others == ("http://e2/t/J/cdn/eu/t/master.m3u8",)
    assert found.protection.url == "http://g.example/drm/clearkey?session=s"
    assert (found.heartbeat_s, found.resume_s) == (1.0, 0.0)
    assert read(Format.DASH).url.endswith("manifest.mpd")
    assert read(drmLicenseInfo={"type": "none"}).protection is None


@pytest.mark.parametrize("wrong", [{"streamUrl": None}, {"sessionId": 1}, {"drmLicenseInfo": {"type": "clearkey"}}])
def test_what_is_missing_is_named(wrong):
    with pytest.raises(ValueError, match=r"streamUrl|sessionId|licenseUrl"):
        read(**wrong)
