"""The body of a start."""

import pytest

from kernel.auth.signing_keys import KeySet, SigningKey, generate_ed25519_pem, public_jwks
from kernel.auth.token import verify
from kernel.vocabulary import Tier
from services.fleet.signing_key import NamedSigningKey
from services.playback.start.eligibility import Availability, PlaybackTitle, PlaybackTrack
from services.playback.start.start_response import StartedPlayback, TokenSigning, start_response
from services.playback.viewer import Viewer, ViewerPlan
from tests.services.playback.sessions.test_session import NOW, session

PEM = generate_ed25519_pem()
FILM = PlaybackTitle(
    "A film", Availability.AVAILABLE, published=True, duration=600.0, renditions=((480, 1_000_000), (1080, 5_000_000)),
    streams=(("hls", "master.m3u8"), ("hls-sd", "master-sd.m3u8"), ("dash", "manifest.mpd")),
    tracks=(PlaybackTrack("audio", "en", "English"), PlaybackTrack("audio", "de"), PlaybackTrack("subtitles", "de")),
)  # fmt: skip
ANN = Viewer("acc", "p", ViewerPlan(Tier.HD, 2), languages=("de",), subtitles="de")


@pytest.fixture
def respond(tmp_path):
    signing = TokenSigning(NamedSigningKey(SigningKey.from_pem(PEM), "k", tmp_path / "names.json"), "eu", None)

    def make(tier=Tier.HD, account="acc", max_bitrate=None, form="hls", viewer=ANN):
        made = session("s1", account=account, tier=tier)
        edges = ["http://edge-1:8081", "http://edge-2:8081"]
        started = StartedPlayback(made, FILM, viewer, "DE", edges, max_bitrate, form, {"type": "none"}, 12.5)
        return start_response(started, signing, "http://page", 10.0)

    return make


def permit_of(body):
    return verify(body["streamUrl"].split("/")[4], KeySet.from_jwks(public_jwks(PEM, "k")))


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "master.m3u8"),
        ({"tier": Tier.SD}, "master-sd.m3u8"),
        ({"max_bitrate": 2_000_000}, "master-sd.m3u8"),
        ({"form": "dash"}, "manifest.mpd"),
    ],
)
def test_the_stream_is_what_the_player_asked_for_within_the_plan(respond, given, name):
    body = respond(**given)
    assert [url.rsplit("/", 1)[1] for url in (body["streamUrl"], *body["edges"])] == [name] * 3
    assert body["edges"][1].startswith("http://edge-2:8081/t/")


def test_the_edges_serve_up_to_the_plan_and_operators_everything(respond):
    now = NOW + 1
    sd, operator = permit_of(respond(tier=Tier.SD)), permit_of(respond(account=""))
    assert sd.allows(b"/cdn/eu/film/v480/1.m4s", now) is None
    assert (sd.tier_lines, operator.tier_lines) == (576, None)
    assert sd.session == "s1"


def test_tracks_by_preference_and_where_to_go_on(respond):
    body = respond()
    assert (body["audio"]["language"], body["subtitles"]["language"]) == ("de", "de")
    assert (body["resumePosition"], body["heartbeatInterval"], body["durationSeconds"]) == (12.5, 10.0, 600.0)
    plain = respond(viewer=Viewer("acc", "p", ViewerPlan(Tier.HD, 2)))
    assert (plain["audio"], plain["subtitles"]) == (None, None)


def test_players_that_need_absolute_urls_get_them_from_the_services(respond):
    body = respond()
    token = body["streamUrl"].split("/")[4]
    assert body["wholeUrls"]["hls"] == (
        f"http://page/whole/t/{token}/cdn/eu/film/master.m3u8?session=s1&at=edge-1-8081"
    )
    assert body["steeringUrl"] == "http://page/steering/film?session=s1"
