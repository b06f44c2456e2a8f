"""Whether and how a title plays."""

import pytest

from kernel.vocabulary import Tier
from services.playback import eligibility
from services.playback.eligibility import PlaybackTitle

STREAMS = (("hls", "master.m3u8"), ("dash", "manifest.mpd"), ("hls-sd", "master-sd.m3u8"), ("hls-hd", "master-hd.m3u8"))
FILM = PlaybackTitle(
    "A", licensed=True, published=True, renditions=((480, 1_500_000), (1080, 5_000_000)), streams=STREAMS
)


@pytest.mark.parametrize(
    ("film", "country", "status", "reason"),
    [
        (None, "DE", 404, "title-unknown"),
        (PlaybackTitle("A", licensed=False, published=True), "DE", 451, "country"),
        (PlaybackTitle("A", licensed=False, published=True), None, 451, "country-unknown"),
        (PlaybackTitle("A", licensed=False, published=False), "DE", 451, "country"),
        (PlaybackTitle("A", licensed=True, published=False), "DE", 409, "not-published"),
    ],
)
def test_why_a_title_does_not_play(film, country, status, reason):
    denied = eligibility.denial_for(film, country)
    assert (denied.status, denied.reason) == (status, reason)
    assert denied.detail.endswith(".")


def test_a_licensed_and_published_title_plays():
    assert eligibility.denial_for(FILM, "DE") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, None), ("auto", None), ("1500", 1_500_000), ("99999", 99_999_000), ("100000", 100_000)],
)
def test_bitrates_are_kbit_or_bit(text, expected):
    assert eligibility.parse_bitrate(text) == expected


@pytest.mark.parametrize("text", ["", "0", "-5", "1.5", "fast", "5M", "1" * 13, "٣"])
def test_what_is_no_bitrate(text):
    with pytest.raises(ValueError, match="positive"):
        eligibility.parse_bitrate(text)


def test_the_tier_is_the_highest_that_fits_and_else_the_lowest():
    assert eligibility.tier_for(FILM, None) is None
    assert eligibility.tier_for(FILM, 5_000_000) is None
    assert eligibility.tier_for(FILM, 4_999_999) is Tier.SD
    assert eligibility.tier_for(FILM, 100_000) is Tier.SD
    assert eligibility.tier_for(PlaybackTitle("A", licensed=True, published=True, renditions=((480, 9),)), 1) is None


def test_a_tier_without_a_playlist_of_its_own_gets_the_whole():
    assert eligibility.playlist_path(FILM, "hls", Tier.SD) == "master-sd.m3u8"
    assert eligibility.playlist_path(FILM, "dash", Tier.SD) == "manifest.mpd"
    assert eligibility.playlist_path(PlaybackTitle("A", licensed=True, published=True), "hls", None) is None


def test_a_token_lasts_for_the_film():
    assert eligibility.token_lifetime(FILM, None) == eligibility.MIN_TTL
    assert (
        eligibility.token_lifetime(PlaybackTitle("A", licensed=True, published=True, duration=10 * 3600.0), None)
        == 11 * 3600
    )
    assert eligibility.token_lifetime(FILM, 60.0) == 60


def test_sessions_spread_over_the_edges_and_stay():
    edges = ["http://a", "http://b"]
    firsts = [eligibility.edges_for(f"s{n}", edges)[0] for n in range(200)]
    assert 60 < firsts.count("http://a") < 140
    assert eligibility.edges_for("s1", edges) == eligibility.edges_for("s1", edges[::-1])
