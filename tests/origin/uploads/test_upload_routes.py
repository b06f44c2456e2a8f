"""tus over HTTP."""

from tests.origin.uploads.conftest import CHUNK, TUS, b64, sha256_of


async def test_a_film_in_two_parts(uploads):
    """Creation, a part, the offset, the rest; complete once, with every byte in its place."""
    url = await uploads.create(10)
    first = await uploads.patch(url, 0, b"01234")
    assert (first.status, first.headers["Upload-Offset"]) == (204, "5")
    assert first.headers["Upload-Expires"].endswith("GMT")
    assert uploads.complete == []
    state = await uploads.client.head(url, headers=TUS)
    fields = state.headers
    assert (state.status, fields["Upload-Offset"], fields["Upload-Length"]) == (200, "5", "10")
    assert (fields["Cache-Control"], fields["Tus-Resumable"]) == ("no-store", "1.0.0")
    assert fields["Upload-Metadata"] == f"filename {b64('film')}"
    last = await uploads.patch(url, 5, b"56789")
    assert (last.status, last.headers["Upload-Offset"], "Upload-Expires" in last.headers) == (204, "10", False)
    assert uploads.complete == ["film"]
    assert uploads.content() == b"0123456789"
    again = await uploads.patch(url, 10, b"")
    assert (again.status, uploads.complete) == (204, ["film"])


async def test_options_need_no_version(uploads):
    for path in ("/content/uploads", "/content/uploads/any"):
        answer = await uploads.client.options(path)
        assert answer.status == 204
        assert answer.headers["Tus-Version"] == "1.0.0"
        assert answer.headers["Tus-Max-Size"] == str(1 << 24)
        assert "creation-with-upload" in answer.headers["Tus-Extension"]


async def test_refusals(uploads):
    """Each with its status, the version, and nothing changed."""
    url = await uploads.create(10)
    await uploads.patch(url, 0, b"012")
    chunk = CHUNK | {"Upload-Offset": "3"}
    for method, path, fields, body, status in (
        ("POST", "/content/uploads", {"Upload-Length": "1"}, None, 412),
        ("PATCH", url, chunk | {"Tus-Resumable": "0.2"}, b"x", 412),
        ("PATCH", url, chunk | {"Upload-Offset": "2"}, b"x", 409),
        ("PATCH", url, chunk | {"Content-Type": "text/plain"}, b"x", 415),
        ("PATCH", url, chunk, b"01234567", 413),
        ("PATCH", url, chunk | {"Upload-Checksum": sha256_of(b"y")}, b"x", 460),
        ("PATCH", "/content/uploads/other", chunk, b"x", 404),
        ("HEAD", "/content/uploads/other", TUS, None, 404),
        ("GET", url, TUS, None, 405),
        ("POST", "/content/uploads", TUS | {"Upload-Length": str(1 << 25)}, None, 413),
        (
            "POST",
            "/content/uploads",
            TUS | {"Upload-Length": "1", "Upload-Metadata": f"filename {b64('film')}"},
            None,
            409,
        ),
    ):
        answer = await uploads.client.request(method, path, data=body, headers=fields)
        assert answer.status == status, (method, fields)
        assert answer.headers["Tus-Resumable"] == "1.0.0"
        assert status != 412 or answer.headers["Tus-Version"] == "1.0.0"
        assert "Upload-Offset" not in answer.headers or status == 409
    assert await uploads.offset(url) == 3
    assert uploads.content()[:3] == b"012"


async def test_creation_with_upload_and_a_length_told_later(uploads):
    fields = CHUNK | {"Upload-Defer-Length": "1"}
    made = await uploads.client.post("/content/uploads", data=b"abc", headers=fields)
    assert (made.status, made.headers["Upload-Offset"]) == (201, "3")
    url = made.headers["Location"]
    assert (await uploads.client.head(url, headers=TUS)).headers["Upload-Defer-Length"] == "1"
    assert (await uploads.patch(url, 3, b"d", **{"Upload-Length": "5"})).status == 204
    assert (await uploads.patch(url, 4, b"e", **{"Upload-Length": "6"})).status == 400
    assert (await uploads.patch(url, 4, b"e", **{"Upload-Length": "5"})).status == 204
    assert (uploads.content(), uploads.complete) == (b"abcde", ["film"])


async def test_a_whole_film_in_one_request(uploads):
    fields = CHUNK | {"Upload-Length": "3", "Upload-Checksum": sha256_of(b"abc")}
    made = await uploads.client.post("/content/uploads", data=b"abc", headers=fields)
    assert (made.status, made.headers["Upload-Offset"], uploads.complete) == (201, "3", ["film"])


async def test_an_override_of_the_method(uploads):
    url = await uploads.create(2)
    fields = CHUNK | {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert (await uploads.client.post(url, data=b"ab", headers=fields)).status == 204
    assert (await uploads.client.post(url, headers=TUS | {"X-HTTP-Method-Override": "DELETE"})).status == 204


async def test_termination_and_expiration(uploads):
    """What is gone answers 404 or 410, and its bytes are gone too."""
    ended = await uploads.create(10, "a")
    await uploads.patch(ended, 0, b"0123")
    assert (await uploads.client.delete(ended, headers=TUS)).status == 204
    assert await uploads.offset(ended) == 404
    old = await uploads.create(10, "b")
    uploads.clock.now += 59
    assert (await uploads.patch(old, 0, b"x")).status == 204
    uploads.clock.now += 59
    assert await uploads.offset(old) == 1, "each part extends the time"
    uploads.clock.now += 2
    assert await uploads.offset(old) == 410
    assert (await uploads.patch(old, 1, b"x")).status == 410
    assert await uploads.service.expire() == 1
    assert await uploads.offset(old) == 404
    assert uploads.ended == ["a", "b"]
    assert list(uploads.spool.folder.iterdir()) == []


async def test_a_client_that_dies_resumes_where_its_bytes_ended(uploads):
    """What arrived before the cut counts, since it is on disk."""
    url = await uploads.create(1_000_000)
    (await uploads.send_half(url)).transport.abort()
    offset = await uploads.offset(url)
    assert 100_000 <= offset <= 400_000
    film = b"a" * 400_000 + b"b" * 600_000
    answer = await uploads.patch(url, offset, film[offset:])
    assert (answer.status, uploads.content() == film) == (204, True)


async def test_a_resumed_upload_ends_the_request_that_hangs(uploads):
    """The client lost its connection, the server has not noticed: the newer request wins at once."""
    url = await uploads.create(1_000_000)
    writer = await uploads.send_half(url)
    offset = await uploads.offset(url)
    assert offset >= 100_000
    film = b"a" * 1_000_000
    assert (await uploads.patch(url, offset, film[offset:])).status == 204
    assert (uploads.content() == film, uploads.complete) == (True, ["film"])
    writer.close()
