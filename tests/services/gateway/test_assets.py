"""The page's files: addresses that change with their content, and compressed forms."""

import gzip
import re

import brotli
import pytest

from services.gateway.assets import AssetLibrary, choose_encoding

SCRIPT = b"export const answer = 42;\n" * 100


@pytest.fixture
def folder(tmp_path):
    web = tmp_path / "web"
    web.mkdir()
    (web / "index.html").write_text('<script src="/assets/main.js"></script><script src="/assets/lib.js"></script>')
    (web / "main.js").write_bytes(SCRIPT)
    (web / "tiny.css").write_bytes(b"a{}")
    (tmp_path / "lib.js").write_bytes(SCRIPT + b"//")
    return tmp_path


def library(folder):
    return AssetLibrary(folder / "web", {"lib.js": folder / "lib.js", "gone.js": folder / "gone.js"})


def addresses(assets):
    return re.findall(r'src="([^"]+)"', assets.page().decode())


def test_a_change_of_the_page_changes_its_own_addresses_and_not_the_libraries(folder):
    main, lib = addresses(library(folder))
    (folder / "web" / "tiny.css").write_bytes(b"a{color:red}")
    changed, same = addresses(library(folder))
    assert main != changed
    assert lib == same


def test_an_old_address_finds_nothing(folder):
    assets = library(folder)
    main = assets.find("main.js")
    assert assets.find("main.js", main.digest) == main
    assert assets.find("main.js", "0" * 24) is None
    assert assets.find("gone.js") is None


async def test_files_are_compressed_where_that_makes_them_smaller(folder):
    assets = library(folder)
    encoding, body = await assets.encode(assets.find("main.js"), "gzip, br")
    assert (encoding, brotli.decompress(body)) == ("br", SCRIPT)
    encoding, body = await assets.encode(assets.find("main.js"), "gzip")
    assert (encoding, gzip.decompress(body)) == ("gzip", SCRIPT)
    assert await assets.encode(assets.find("main.js"), "zstd") == (None, SCRIPT)
    assert await assets.encode(assets.find("tiny.css"), "br") == (None, b"a{}")


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0.2, gzip;q=0.8", "gzip"),
        ("br;q=0, gzip;q=0", None),
        ("identity", None),
        ("", None),
        ("*", "br"),
        ("BR;q=x", "br"),
        ("*;q=0, gzip", "gzip"),
    ],
)
def test_encodings_are_chosen_by_what_the_browser_accepts(accepted, chosen):
    assert choose_encoding(accepted) == chosen


async def test_a_browser_gets_the_compressed_form_to_keep_for_ever(start):
    place = await start(insecure_dev="off")
    html = await (await place.client.get("/")).text()
    address = re.search(r"/assets/[0-9a-f]+/hls.min.js", html)[0]
    plain = await place.client.get(address, headers={"Accept-Encoding": "identity"})
    packed = await place.client.get(address, headers={"Accept-Encoding": "gzip"})
    assert await plain.read() == await packed.read()
    assert "immutable" in packed.headers["Cache-Control"]
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 3
