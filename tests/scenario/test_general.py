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
