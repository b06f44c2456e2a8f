"""What a start says about licences."""

from types import SimpleNamespace

import pytest

from kernel.errors import BadRequest
from kernel.vocabulary import Tier
from services.playback.drm.licences import LicenceInfo

KEYS = (("SD", "1" * 32), ("HD", "2" * 32), ("UHD", "4" * 32), ("AUDIO", "3" * 32))
FILM = SimpleNamespace(encryption=SimpleNamespace(scheme="cbcs", key_ids=KEYS))


def session(tier):
    return SimpleNamespace(session_id="abc", tier=tier)


async def test_clear_key_is_what_a_player_gets_that_does_not_say():
    made = await LicenceInfo().info(FILM, session(Tier.HD), None)
    assert made == {
        "type": "clearkey",
        "licenseUrl": "/drm/clearkey?session=abc",
        "keyIds": ["1" * 32, "2" * 32, "3" * 32],
        "scheme": "cbcs",
    }


@pytest.mark.parametrize(("tier", "keys"), [(Tier.SD, "13"), (Tier.HD, "123"), (Tier.UHD, "1243"), (None, "1243")])
async def test_a_session_is_told_its_own_keys(tier, keys):
    made = await LicenceInfo().info(FILM, session(tier), "clearkey")
    assert [key_id[0] for key_id in made["keyIds"]] == list(keys)


async def test_fairplay_has_a_certificate():
    made = await LicenceInfo(("fairplay",)).info(FILM, session(Tier.SD), "fairplay")
    assert (made["licenseUrl"], made["certificateUrl"]) == ("/drm/fairplay?session=abc", "/drm/fairplay")


@pytest.mark.parametrize(("drm", "reason"), [("none", "drm-needed"), ("widevine", "drm-not-offered")])
async def test_a_device_that_cannot_unlock_it_is_told_so_at_the_start(drm, reason):
    with pytest.raises(BadRequest) as refused:
        await LicenceInfo(("fairplay",)).info(FILM, session(None), drm)
    assert (refused.value.status, refused.value.reason) == (409, reason)


async def test_a_clear_title_needs_none():
    made = await LicenceInfo().info(SimpleNamespace(encryption=None), session(None), "none")
    assert made["type"] == "none"
