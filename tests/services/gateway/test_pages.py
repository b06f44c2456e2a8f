"""The page, its files, its guests, the titles' pictures."""

import pytest

from services.gateway.assets import WEB_FOLDER
from services.gateway.pages import content_security_policy


async def test_the_page_comes_with_a_strict_policy_and_its_files(start):
    place = await start(insecure_dev="off", edges="http://127.0.0.1:8081")
    page = await place.client.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "connect-src 'self' http://127.0.0.1:8081" in policy
    assert "unsafe" not in policy
    html = await page.text()
    for name in ("style.css", "main.js", "hls.min.js", "media-chrome.js", "icon.svg"):
        assert f"/{name}" in html
        got = await place.client.get(f"/assets/{name}")
        assert got.status == 200
        again = await place.client.get(f"/assets/{name}", headers={"If-None-Match": got.headers["ETag"]})
        assert again.status == 304
    for name in ("nothing.js", "..%2Findex.html", "%2e%2e%2f%2e%2e%2fpyproject.toml"):
        assert (await place.client.get(f"/assets/{name}")).status == 404


def test_development_alone_lets_a_browser_driver_evaluate():
    assert "unsafe-eval" in content_security_policy([], for_development=True)
    assert "unsafe" not in content_security_policy([], for_development=False)


def test_every_module_the_page_imports_is_served():
    for path in WEB_FOLDER.glob("*.js"):
        for line in path.read_text().splitlines():
            if line.startswith("import "):
                assert (WEB_FOLDER / line.split('"')[1]).is_file()


def test_the_page_has_no_script_and_no_style_of_its_own():
    html = (WEB_FOLDER / "index.html").read_text()
    assert "<style" not in html
    assert "style=" not in html
    assert html.count("<script") == html.count("<script src=")
    assert not any(word in html for word in ("onclick", "onload", "onerror"))


async def test_a_guest_stays_the_same_guest(start):
    place = await start(insecure_dev="off", default_country="DE")
    first = (await place.get("/viewer"))[1]
    assert first["country"] == "DE"
    assert (await place.get("/viewer"))[1] == first
    place.client.session.cookie_jar.clear()
    assert (await place.get("/viewer"))[1]["userId"] != first["userId"]


async def test_pictures_come_from_the_origin_where_the_title_is_licensed(start, origin, until):
    origin.publish("film", thumbnail="thumbs/poster.jpg")
    origin.publish("away", countries=["FR"])
    origin.publish("odd", thumbnail="x.html")
    origin.bodies = {
        "/cdn/eu/film/thumbs/poster.jpg": ("image/jpeg", b"JPEG"),
        "/cdn/eu/odd/x.html": ("text/html", b"<x>"),
    }
    place = await start(origin=origin.url, default_country="DE")

    async def there():
        return (await place.get("/titles/film"))[0] == 200

    await until(there)
    assert (await place.get("/titles/film"))[1]["thumbnail"] == "/posters/film"
    for _ in range(2):
        got = await place.client.get("/posters/film")
        assert (got.status, got.content_type, await got.read()) == (200, "image/jpeg", b"JPEG")
    assert (await place.get("/previews/film"))[1] == {"index": "thumbs/thumbnails.vtt"}
    assert (await place.get("/previews/odd"))[1] == (await place.get("/previews/nobody"))[1] == {"index": None}
    assert sum(path.endswith("poster.jpg") for _, path, _, _ in origin.asked) == 1
    assert (await place.client.get("/posters/away")).status == 404
    assert (await place.client.get("/posters/odd")).status == 502
    assert (await place.client.get("/posters/nobody")).status == 404


@pytest.mark.parametrize("secure", [True, False])
async def test_behind_https_the_cookie_is_for_https_alone(start, secure):
    place = await start(insecure_dev="off", trusted_proxies="127.0.0.0/8")
    proto = "https" if secure else "http"
    got = await place.client.get("/", headers={"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": proto})
    assert ("Secure" in got.headers["Set-Cookie"]) is secure
