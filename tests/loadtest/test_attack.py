"""The flood of bad requests."""

import asyncio
import sys
from itertools import islice
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from loadtest.attack import bad_requests, flood, main
from tests.loadtest.serving import serving


def test_requests_go_to_the_platform_alone_and_differ():
    urls = list(islice(bad_requests("http://gateway:1", "http://edge:2", 1), 500))
    assert {urlsplit(url).netloc for url in urls} == {"gateway:1", "edge:2"}
    assert len(set(urls)) > 350
    assert urls == list(islice(bad_requests("http://gateway:1", "http://edge:2", 1), 500))


async def test_a_flood_counts_what_is_answered_until_it_is_ended():
    enough = asyncio.Event()
    seen = []

    async def refuse(request):
        seen.append(request.raw_path)
        if len(seen) == 20:
            enough.set()
        return web.Response(status=401)

    runner = web.AppRunner(web.Application(middlewares=()))
    runner.app.router.add_route("*", "/{rest:.*}", refuse)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(flood(address, address, rate=2000))
        await enough.wait()
        sending.cancel()
        answers = await sending
    await runner.cleanup()
    assert 0 < answers[401] <= len(seen), "those that were open when it ended are not counted"
    assert any("%2e%2e" in path for path in seen), "paths are sent as they are"


@pytest.mark.parametrize(("status", "code"), [(403, 0), (200, 1)])
async def test_the_exit_code_decides_whether_the_attack_was_repelled(status, code):
    """The story's action ends it by SIGTERM, and fails with its exit code."""
    arrived = asyncio.Event()

    async def answer(_):
        arrived.set()
        return web.Response(status=status)

    async with serving({}, answer) as server:
        words = ("-m", "loadtest.attack", "--target", server.url, "--edge", server.url, "--rate", "200")
        process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.PIPE)
        async with asyncio.timeout(60):
            await arrived.wait()
            process.terminate()
            said, _ = await process.communicate()
    assert process.returncode == code
    assert f"{status}: " in said.decode()


@pytest.mark.parametrize("argv", [[], ["--target", "http://t", "--edge", "http://e", "--rate", "0"]])
def test_wrong_usage(argv):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
