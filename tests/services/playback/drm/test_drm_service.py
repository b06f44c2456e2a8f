"""DRM as the services start it: its secrets, its settings, its description."""

import base64
import sqlite3
from contextlib import closing

import pytest

from kernel.errors import BadSettings
from kernel.media.content_keys import EncryptedContent, EncryptionScheme, KeyLabel
from kernel.media.cpix import KeyRequest, read_response, write_request
from services.playback.drm.key_server import PATH

ASKED = write_request(KeyRequest(EncryptedContent("film"), {KeyLabel.SD: "1" * 32}, EncryptionScheme.CBCS))
HEADERS = {"Content-Type": "application/xml", "X-Speke-Version": "2.0"}
ID = "cc36e85d-2fdf-462c-b395-030907447afc"


async def key_of(place):
    async with place.client.post(PATH, data=ASKED, headers=HEADERS) as got:
        return read_response(await got.read()).keys[0].key


async def test_the_master_key_is_made_once_and_rotated_by_a_line(once, tmp_path, until):
    """A new first line reseals every key while the services run; then the old line can go."""
    async with once(only="playback") as place:
        key = await key_of(place)
    file = tmp_path / "data" / "drm-master.key"
    assert file.stat().st_mode & 0o777 == 0o600
    old = file.read_text()
    new = f"second:{base64.b64encode(b'n' * 32).decode()}\n"
    file.write_text(new + old)

    def sealed():
        with closing(sqlite3.connect(tmp_path / "data" / "drm.sqlite3")) as connection:
            return connection.execute("SELECT sealed FROM content_keys").fetchone()[0]

    assert sealed().startswith("sealed1.first.")
    async with once(only="playback"):
        await until(lambda: sealed().startswith("sealed1.second."))
    file.write_text(new)
    async with once(only="playback") as place:
        assert await key_of(place) == key


async def test_the_master_key_of_a_command(start, tmp_path):
    """As a KMS client prints it."""
    printed = tmp_path / "printed"
    printed.write_text(f"kms:{base64.b64encode(b'k' * 32).decode()}\n")
    place = await start(only="playback", drm_master_key=f"command:cat {printed}")
    assert len(await key_of(place)) == 16
    assert not (tmp_path / "data" / "drm-master.key").exists()


@pytest.mark.parametrize(
    ("flags", "setting"),
    [
        ({"drm_master_key": "env:NO_SUCH_VARIABLE"}, "drm_master_key"),
        ({"drm_communication_key_id": ID}, "drm_communication_key"),
        ({"drm_communication_key": "secret"}, "drm_communication_key_id"),
        ({"drm_communication_key": "secret", "drm_communication_key_id": "x"}, "drm_communication_key"),
        ({"drm_communication_key": "none", "drm_communication_key_id": ID}, "drm_communication_key"),
        ({"fairplay_certificate": "none"}, "fairplay_certificate"),
        ({"fairplay_certificate": "empty"}, "fairplay_certificate"),
        ({"fairplay_certificate": "huge"}, "fairplay_certificate"),
    ],
)
async def test_wrong_settings_are_named_at_the_start(start, tmp_path, flags, setting):
    (tmp_path / "secret").write_text(base64.b64encode(b"s" * 32).decode())
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "empty").touch()
    (tmp_path / "huge").write_bytes(bytes((64 << 10) + 1))
    files = {"secret", "none", "empty", "huge"}
    flags = {name: str(tmp_path / text) if text in files else text for name, text in flags.items()}
    with pytest.raises(BadSettings) as refused:
        await start(only="playback", **flags)
    assert refused.value.setting == setting


async def test_licences_are_described(start):
    """The form of Clear Key's messages is in the OpenAPI; a key system without a vendor says so."""
    place = await start(only="playback")
    _, document = await place.get("/openapi.json")
    operation = document["paths"]["/drm/clearkey"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["kids"]["maxItems"] == 32
    assert {"/drm/widevine", "/drm/playready", "/drm/fairplay"} <= set(document["paths"])
    assert PATH not in document["paths"]  # CPIX is no JSON
    status, refused = await place.post("/drm/widevine?session=x", {})
    assert (status, refused["reason"]) == (404, "drm-not-offered")


async def test_an_encrypted_title_from_start_to_licence(start, origin, until):
    """The start names the licence URL and the keys; the session's licence opens them until the session ends."""
    origin.publish("film", encryption={"scheme": "cbcs", "keyIds": {"SD": "1" * 32, "AUDIO": "2" * 32}})
    place = await start(origin=origin.url, edges="http://127.0.0.1:1", only="catalogue,playback")
    key = await key_of(place)

    async def started():
        status, answer = await place.get("/playback/start?contentId=film&drm=clearkey")
        return answer if status == 200 else None

    answer = await until(started)
    info = answer["drmLicenseInfo"]
    assert (info["type"], info["scheme"], info["keyIds"]) == ("clearkey", "cbcs", ["1" * 32, "2" * 32])
    origin_of_services, _, query = info["licenseUrl"].partition("/drm/clearkey?")
    assert origin_of_services == str(place.client.make_url("")).rstrip("/")
    asked = {"kids": [base64.urlsafe_b64encode(bytes.fromhex("1" * 32)).rstrip(b"=").decode()], "type": "temporary"}
    status, licence = await place.post(f"/drm/clearkey?{query}", asked)
    assert status == 200
    assert base64.urlsafe_b64decode(licence["keys"][0]["k"] + "==") == key
    for drm in ("none", "widevine"):
        assert (await place.get(f"/playback/start?contentId=film&drm={drm}"))[0] == 409
    await place.post("/playback/stop", {"sessionId": answer["sessionId"], "currentPosition": 1})
    status, refused = await place.post(f"/drm/clearkey?{query}", asked)
    assert (status, refused["reason"]) == (410, "session-ended")
