"""Who may use the API."""

import pytest

from kernel.errors import BadSettings
from origin.jobs.service.api_door import read_api_key
from tests.origin.jobs.service.conftest import KEY


def write_key(path, text=KEY, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("path", ["/content/jobs", "/content/uploads", "/content/work/lease", "/content/x"])
async def test_with_a_key_nobody_else_is_let_in(start_origin, tmp_path, path):
    origin = await start_origin(api_key_file=write_key(tmp_path / "key"))
    for given in (None, "Bearer wrong", "Basic x", KEY):
        headers = {"Authorization": given} if given else {}
        method = "POST" if path.endswith("lease") else "GET"
        answer = await origin.client.request(method, path, headers=headers, json={} if method == "POST" else None)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers.get("Tus-Resumable") == ("1.0.0" if path.endswith("uploads") else None)
    assert (await origin.client.get("/content/jobs", headers={"Authorization": f"Bearer {KEY}"})).status == 200
    assert (await origin.client.get("/library")).status == 200


async def test_a_queue_that_is_not_open(start_origin):
    origin = await start_origin()
    await origin.ingest.close()
    answer = await origin.client.get("/content/jobs")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert (await origin.client.get("/library")).status == 200


@pytest.mark.parametrize(
    ("text", "mode"), [("short", 0o600), ("two words of a key", 0o600), (KEY, 0o644), ("ü" * 20, 0o600)]
)
def test_key_files_that_are_refused(tmp_path, text, mode):
    with pytest.raises(BadSettings, match="api_key_file"):
        read_api_key(write_key(tmp_path / "key", text, mode))
    with pytest.raises(BadSettings, match="cannot be read"):
        read_api_key(tmp_path / "none")
