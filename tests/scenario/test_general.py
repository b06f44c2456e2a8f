"""The general profile: an HTTP cache for anything."""

from __future__ import annotations

from tests.scenario.stage import Scenario

URL = "/page?x=1"


async def test_the_answer_to_a_head_is_not_kept_as_the_whole(s: Scenario) -> None:
    """A HEAD that goes alone brings no body: the next GET must not get the empty one."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, profile="general")
    o1.expects(URL).answers(200, b"private", cache_control="private")
    await s.viewer("v", at=e1).gets(URL)
    o1.expects(URL).answers(200, b"", cache_control="max-age=60")
    assert (await s.viewer("v", at=e1).gets(URL, method="HEAD")).status == 200
    o1.expects(URL).answers(200, b"whole", cache_control="max-age=60")
    assert (await s.viewer("v", at=e1).gets(URL)).body == b"whole"


async def test_an_unsafe_request_invalidates_every_alternate_and_what_its_answer_names(s: Scenario) -> None:
    """RFC 9111 §4.4: the target, Location and Content-Location at the same host, whatever they vary by."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, profile="general")
    kept = {"cache_control": "max-age=60", "vary": "accept-language"}
    urls = [URL, "/list", "/elsewhere"]
    for number, url in enumerate(urls):
        o1.expects(url).answers(200, b"old %d" % number, **kept)
        await s.viewer("v", at=e1).gets(url, accept_language="de")
    o1.expects(URL).answers(201, location="/list", content_location="http://another/elsewhere")
    assert (await s.viewer("v", at=e1).gets(URL, method="DELETE")).status == 201
    for url in urls[:2]:
        o1.expects(url).answers(200, b"new", **kept)
        assert (await s.viewer("v", at=e1).gets(url, accept_language="de")).body == b"new"
    assert (await s.viewer("v", at=e1).gets(urls[2], accept_language="de")).body == b"old 2"


async def test_an_answer_asked_for_before_an_unsafe_request_is_not_kept(s: Scenario) -> None:
    """A GET under way while the resource changes may bring what was before."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, profile="general")
    o1.expects("/a").waits_for(held, after=1).answers(200, b"old", cache_control="max-age=60")
    waiting = s.viewer("v", at=e1).gets("/a")
    await e1.until(bytes_filled=1)
    o1.expects("/a").answers(204)
    await s.viewer("w", at=e1).gets("/a", method="DELETE")
    held.open()
    assert (await waiting).body == b"old"
    o1.expects("/a").answers(200, b"new", cache_control="max-age=60")
    assert (await s.viewer("v", at=e1).gets("/a")).body == b"new"


async def test_a_request_that_comes_back_is_refused(s: Scenario) -> None:
    """RFC 8586: one's own name in CDN-Loop, whole, is a loop; another's is not."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, profile="general")
    looped = await s.viewer("v", at=e1).gets("/a", cdn_loop="other, e1; n=1")
    assert (looped.status, looped.reason) == (508, "loop")
    o1.expects("/a", cdn_loop="e11, e1").answers(200, b"fine")
    assert (await s.viewer("v", at=e1).gets("/a", cdn_loop="e11")).body == b"fine"


async def test_via_names_all_who_passed_it_on(s: Scenario) -> None:
    """RFC 9110 §7.6.3: our name comes behind those before us."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, profile="general")
    o1.expects("/a", via="1.0 fred, 1.1 e1").answers(200, b"fine")
    assert (await s.viewer("v", at=e1).gets("/a", via="1.0 fred")).body == b"fine"


async def test_two_tiers_speak_for_themselves(s: Scenario) -> None:
    """RFC 9211 §2, RFC 9110 §7.6.3, RFC 9111 §4.2.3: each adds its word behind those nearer to the origin; ages add."""
    o1 = s.origin("o1")
    s1 = s.shield("s1", upstream=o1, profile="general")
    e1 = s.edge("e1", upstream=s1, profile="general")
    answer = o1.expects("/a", via="1.1 e1, 1.1 s1", cdn_loop="e1, s1")
    answer.answers(200, b"fine", cache_control="max-age=60", age="7")
    first = await s.viewer("v", at=e1).gets("/a")
    assert (first.cache_status, first.age) == ("s1; fwd=uri-miss; stored, e1; fwd=uri-miss; stored", 7)
    await s.clock.advance(10)
    second = await s.viewer("v", at=e1).gets("/a")
    assert (second.cache_status, second.age) == ("s1; fwd=uri-miss; stored, e1; hit; ttl=43", 17)


async def test_a_head_follows_a_fill_that_is_under_way(s: Scenario) -> None:
    """No second request for what is being told already."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, profile="general")
    o1.expects("/a").waits_for(held).answers(200, b"whole", cache_control="max-age=60")
    get = s.viewer("v", at=e1).gets("/a")
    await e1.until(waiting=1)
    head = s.viewer("w", at=e1).gets("/a", method="HEAD")
    await e1.until(waiting=2)
    held.open()
    assert (await get).body == b"whole"
    assert (await head).cache_status == "e1; fwd=uri-miss; collapsed"
    assert (await head).headers["content-length"] == "5"


async def test_whoever_forbids_storing_holds_up_nobody(s: Scenario) -> None:
    """RFC 9111 §5.2.1.5: a request's no-store is for its own answer; the others share theirs."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, profile="general")
    o1.expects("/a", cache_control="no-store").waits_for(held).answers(200, b"his", cache_control="max-age=60")
    his = s.viewer("v", at=e1).gets("/a", cache_control="no-store")
    await e1.until(waiting=1)
    o1.expects("/a").answers(200, b"theirs", cache_control="max-age=60")
    assert (await s.viewer("w", at=e1).gets("/a")).cache_status == "e1; fwd=uri-miss; stored"
    assert (await s.viewer("x", at=e1).gets("/a")).cache_status == "e1; hit; ttl=60"
    held.open()
    assert (await his).body == b"his"
    assert (await s.viewer("x", at=e1).gets("/a")).body == b"theirs"
