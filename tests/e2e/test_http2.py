"""A browser speaks HTTP/2 with an edge: negotiated by TLS, many requests on one connection, a video's ranges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.app import Edge
from edge.settings import EdgeSettings
from edge.upstreams.network import LoopNetwork
from kernel.settings.table import resolve
from system.clock import SystemClock
from tests.e2e.browsing import FLAGS
from tests.edge.authority import Authority
from tests.edge.ground import RawUpstream, ok

ASK = """async (base) => {
  const ask = async (number) => {
    const answer = await fetch(`${base}${number}.m4s`, {headers: number % 2 ? {range: "bytes=10-19"} : {}});
    return [answer.status, (await answer.arrayBuffer()).byteLength, answer.headers.get("cache-status")];
  };
  const answers = await Promise.all([...Array(40).keys()].map(ask));
  const protocols = performance.getEntriesByType("resource").map((entry) => entry.nextHopProtocol);
  return [answers, [...new Set(protocols)]];
}"""


@pytest.mark.needs("chromium")
async def test_chromium_asks_by_http2(tmp_path: Path, program: Callable[[str], str]) -> None:
    from playwright.async_api import async_playwright

    upstream = RawUpstream()
    upstream.default = ok(bytes(100_000), b"Cache-Control: max-age=60\r\n")
    await upstream.start()
    cert, key = Authority(tmp_path).signs("127.0.0.1")
    flags = {
        "upstream": [f"http://127.0.0.1:{upstream.port}"], "listen": ["127.0.0.1:0"], "tokens": ["off"],
        "tls_cert": [str(cert)], "tls_key": [str(key)],
    }  # fmt: skip
    edge = Edge(resolve(EdgeSettings, flags=flags), LoopNetwork(), SystemClock())
    await edge.start()
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=program("chromium"), args=FLAGS)
            page = await browser.new_page(ignore_https_errors=True)
            base = f"https://{edge.address}/cdn/eu/t1/v720/"
            await page.goto(base + "page.m4s/none")
            answers, protocols = await page.evaluate(ASK, base)
            await browser.close()
    finally:
        await edge.stop()
        upstream.stop()
    assert protocols == ["h2"]
    assert [tuple(one[:2]) for one in answers] == [(206, 10) if number % 2 else (200, 100_000) for number in range(40)]
    assert all("e" in one[2] for one in answers)
    assert edge.counts.h2_requests >= 41
