import pytest

from loadtest.player.cmcd import CmcdMode
from loadtest.player.settings import settings_of


def test_a_storys_player():
    found = settings_of({"abr": "bola", "cmcd": "v2-query", "timeout_s": 5, "sends_events": True})
    assert (found.abr, found.cmcd, found.timeout_s, found.sends_events) == ("bola", CmcdMode.V2_QUERY, 5.0, True)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"abbr": "bola"}, "player.abbr is no setting"),
        ({"abr": "best"}, "fixed:BPS"),
        ({"cmcd": "v3"}, r"\$\.cmcd"),
        ({"timeout_s": "soon"}, r"\$\.timeout_s"),
    ],
)
def test_what_cannot_be_is_named(found, said):
    with pytest.raises(ValueError, match=said):
        settings_of(found)
