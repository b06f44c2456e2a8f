"""A bounded flood of requests that deserve nothing, until it is ended: `python -m loadtest.attack --target … --edge …`.

It sends forged and absent tokens, titles that do not exist, paths out of the tree, and long queries at a fixed rate and
counts what is answered; an answer of 2xx is a failure. Point it only at a platform of your own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random

import aiohttp
from yarl import URL

MAX_RATE = 2000.0
_MAX_OPEN = 100
_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_FORGED = "eyJhbGciOiJFZERTQSJ9.eyJleHAiOjQxMDI0NDQ4MDB9.c2lnbmF0dXJl"


def bad_requests(target: str, edge: str, seed: int) -> Iterator[str]:
    """URLs that no viewer is entitled to, without end; the kinds take turns."""
    random = Random(f"attack/{seed}")
    kinds: tuple[Callable[[str], str], ...] = (
        lambda name: f"{edge}/t/{_FORGED}/cdn/local/{name}/master.m3u8",
        lambda name: f"{edge}/cdn/local/{name}/v360/00001.m4s",
        lambda name: f"{edge}/t/{_FORGED}/cdn/local/%2e%2e/%2e%2e/etc/{name}",
        lambda name: f"{edge}/t/none.none.none/cdn/local/{name}/v360/00001.m4s?x={'y' * 3000}",
        lambda name: f"{target}/playback/start?contentId={name}",
    )
    for kind in itertools.cycle(kinds):
        yield kind(f"no-such-title-{random.getrandbits(48):x}")


async def flood(target: str, edge: str, rate: float, seed: int = 1) -> Counter[int]:
    """Send until cancelled; the answers by status, 0 for none. At most _MAX_OPEN requests are open at once."""
    answers: Counter[int] = Counter()
    gate = asyncio.Semaphore(_MAX_OPEN)
    clock = asyncio.get_running_loop().time
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:

        async def send(url: str) -> None:
            try:
                async with session.get(URL(url, encoded=True), allow_redirects=False) as response:
                    answers[response.status] += 1
            except (aiohttp.ClientError, OSError, TimeoutError):
                answers[0] += 1
            finally:
                gate.release()

        began = clock()
        with contextlib.suppress(asyncio.CancelledError):
            async with asyncio.TaskGroup() as sending:
                for number, url in enumerate(bad_requests(target, edge, seed)):
                    await asyncio.sleep(max(0.0, began + number / rate - clock()))
                    await gate.acquire()
                    sending.create_task(send(url))
    return answers


async def _until_ended(arguments: argparse.Namespace) -> int:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 (a coroutine runs in a task)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    answers = await flood(arguments.target.rstrip("/"), arguments.edge.rstrip("/"), arguments.rate)
    task.uncancel()
    print(", ".join(f"{status or 'no answer'}: {count}" for status, count in sorted(answers.items())))
    return 1 if any(200 <= status < 300 for status in answers) else 0


def main(argv: Sequence[str]) -> int:
    """0 when everything was refused, 1 when something was served."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.attack", description="Send requests that must be refused."
    )
    parser.add_argument("--target", required=True, help="URL of the gateway.")
    parser.add_argument("--edge", required=True, help="URL of an edge.")
    parser.add_argument("--rate", type=float, default=100.0, help="Requests a second.")
    arguments = parser.parse_args(argv)
    if not 0 < arguments.rate <= MAX_RATE:
        parser.error(f"--rate is above 0 and at most {MAX_RATE:g}")
    return asyncio.run(_until_ended(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
