"""Whether and how a title plays."""

from dataclasses import replace

import pytest

from kernel.vocabulary import Tier
from services.playback.start import eligibility
from services.playback.start.eligibility import Availability, PlaybackTitle, PlaybackTrack
from services.playback.viewer import Viewer, ViewerPlan

STREAMS = (("hls", "master.m3u8"), ("dash", "manifest.mpd"), ("hls-sd", "master-sd.m3u8"), ("hls-hd", "master-hd.m3u8"))
FILM = PlaybackTitle(
    "A", Availability.AVAILABLE, published=True, renditions=((480, 1_500_000), (1080, 5_000_000)), streams=STREAMS
)
UHD_FILM = replace(FILM, renditions=(*FILM.renditions, (2160, 15_000_000)))
NOW = 1_800_000_000.0
ANYWHERE = Viewer("a", "p", ViewerPlan(Tier.HD, 2))


def released(**more):
    return replace(FILM, **more)


def viewer(tier=Tier.HD, countries=None, **more):
    return Viewer("a", "p", ViewerPlan(tier, 2, countries), **more)


REFUSED = [
    (None, ANYWHERE, "DE", 404, "title-unknown"),
    (released(availability=Availability.OTHER_COUNTRIES), ANYWHERE, "DE", 451, "not-in-your-country"),
    (released(availability=Availability.COUNTRY_UNKNOWN), ANYWHERE, None, 451, "not-in-your-country"),
    (released(availability=Availability.OTHER_COUNTRIES, published=False), ANYWHERE, "DE", 451, "not-in-your-country"),
    (released(availability=Availability.NOT_RELEASED, available_at=NOW), ANYWHERE, "DE", 403, "not-released"),
    (released(availability=Availability.NOT_RELEASED), ANYWHERE, "DE", 403, "not-released"),
    (released(availability=Availability.GONE, available_at=NOW), ANYWHERE, "DE", 410, "gone"),
    (released(published=False), ANYWHERE, "DE", 409, "not-published"),
    (released(tier=Tier.UHD), viewer(Tier.HD), "DE", 403, "plan"),
    (released(tier=Tier.HD), viewer(Tier.SD), "DE", 403, "plan"),
    (FILM, viewer(countries=("FR",)), "DE", 451, "not-in-your-country"),
    (FILM, viewer(countries=("FR",)), None, 451, "not-in-your-country"),
    (released(maturity=16), viewer(maturity_max=12), "DE", 403, "maturity"),
]


@pytest.mark.parametrize(("film", "who", "country", "status", "reason"), REFUSED)
def test_why_a_title_does_not_play(film, who, country, status, reason):
    denied = eligibility.start_denial(film, who, country)
    assert (denied.status, denied.reason) == (status, reason)
    assert denied.detail.endswith(".")


@pytest.mark.parametrize(
    ("film", "who"),
    [
        (FILM, ANYWHERE),
        (released(tier=Tier.HD), viewer(Tier.HD)),
        (released(tier=Tier.SD), viewer(Tier.UHD)),
        (FILM, viewer(countries=("DE", "FR"))),
        (released(maturity=12), viewer(maturity_max=12)),
        (released(maturity=18), viewer()),
        (UHD_FILM, viewer(Tier.SD)),
    ],
)
def test_what_a_viewer_may_play(film, who):
    assert eligibility.start_denial(film, who, "DE") is None


def test_a_refusal_names_the_day_of_the_release():
    denied = eligibility.start_denial(REFUSED[4][0], ANYWHERE, "DE")
    assert "2027-01-15" in denied.detail


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


@pytest.mark.parametrize(
    ("film", "plan", "expected"),
    [
        (FILM, Tier.SD, Tier.SD),
        (FILM, Tier.UHD, Tier.UHD),
        (released(renditions=((720, 1), (1080, 2))), Tier.SD, Tier.HD),
        (released(renditions=((2160, 1),)), Tier.SD, Tier.UHD),
        (released(renditions=()), Tier.SD, Tier.SD),
        (released(renditions=((0, 1),)), Tier.SD, Tier.SD),
    ],
)
def test_the_edges_serve_the_plan_and_else_the_lowest_ladder_there_is(film, plan, expected):
    assert eligibility.token_tier(film, plan) is expected


@pytest.mark.parametrize(
    ("film", "allowed", "bitrate", "expected"),
    [
        (FILM, Tier.UHD, None, None),
        (FILM, Tier.UHD, 5_000_000, None),
        (FILM, Tier.UHD, 4_999_999, Tier.SD),
        (FILM, Tier.UHD, 100_000, Tier.SD),
        (FILM, Tier.SD, None, Tier.SD),
        (FILM, Tier.HD, None, None),
        (UHD_FILM, Tier.HD, None, Tier.HD),
        (UHD_FILM, Tier.HD, 2_000_000, Tier.SD),
        (UHD_FILM, Tier.UHD, 6_000_000, Tier.HD),
        (released(streams=()), Tier.SD, 1, None),
    ],
)
def test_the_playlist_is_the_highest_within_plan_and_bitrate(film, allowed, bitrate, expected):
    assert eligibility.playlist_tier(film, allowed, bitrate) is expected


def test_a_tier_without_a_playlist_of_its_own_gets_the_whole():
    assert eligibility.playlist_path(FILM, "hls", Tier.SD) == "master-sd.m3u8"
    assert eligibility.playlist_path(FILM, "dash", Tier.SD) == "manifest.mpd"
    assert eligibility.playlist_path(released(streams=()), "hls", None) is None


TRACKS = (*(PlaybackTrack("audio", name) for name in ("en-GB", "en-US", "pt")), PlaybackTrack("subtitles", "de"))


@pytest.mark.parametrize(
    ("languages", "expected"),
    [(("en-us",), "en-US"), (("en",), "en-GB"), (("de", "pt-BR"), "pt"), (("de",), None), ((), None)],
)
def test_the_track_in_the_first_language_there_is(languages, expected):
    found = eligibility.preferred_track(released(tracks=TRACKS), "audio", languages)
    assert (found.language if found else None) == expected


def test_a_token_lasts_for_the_film():
    assert eligibility.token_lifetime(FILM, None) == eligibility.MIN_TTL
    assert eligibility.token_lifetime(released(duration=10 * 3600.0), None) == 11 * 3600
    assert eligibility.token_lifetime(FILM, 60.0) == 60
