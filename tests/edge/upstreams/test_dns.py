"""Names to addresses: asked off the loop, one question at a time, remembered."""

import asyncio
import socket
import threading

import pytest

from edge.upstreams.dns import REMEMBERED_SECONDS, Resolver, SocketAddress, interleaved, look_up

V4 = [SocketAddress(socket.AF_INET, (f"127.0.0.{number}", 80)) for number in range(1, 4)]
V6 = [SocketAddress(socket.AF_INET6, (f"::{number}", 80, 0, 0)) for number in range(1, 3)]


class Names:
    """A name service: answers, fails, or hangs until let go."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0
        self.answer: list[SocketAddress] | None = V4[:1]
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.resolver = Resolver(lambda: self.now, self.ask)

    def ask(self, host: str, port: int) -> list[SocketAddress]:
        self.asked += 1
        self.goes_on.wait(10)
        if self.answer is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self.answer

    async def places(self) -> list[SocketAddress]:
        return await self.resolver.places("shield", 80)

    async def settled(self) -> None:
        async with asyncio.timeout(10):
            while self.resolver._running:
                await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("found", "order"),
    [
        ([*V6, *V4], [V6[0], V4[0], V6[1], V4[1], V4[2]]),
        ([*V4, *V6], [V4[0], V6[0], V4[1], V6[1], V4[2]]),
        ([V4[0], V4[0]], [V4[0]]),
        ([], []),
    ],
)
def test_the_families_take_turns(found: list[SocketAddress], order: list[SocketAddress]):
    assert interleaved(found) == order


def test_the_system_is_asked():
    assert SocketAddress(socket.AF_INET, ("127.0.0.1", 80)) in look_up("127.0.0.1", 80)


async def test_an_answer_is_remembered_and_asked_for_again():
    names = Names()
    for _ in range(3):
        assert await names.places() == V4[:1]
    assert names.asked == 1
    names.now, names.answer = REMEMBERED_SECONDS, V4[1:2]
    assert await names.places() == V4[:1]  # nobody waits for the new one
    await names.settled()
    assert await names.places() == V4[1:2]
    assert names.asked == 2


async def test_many_who_ask_while_it_hangs_are_one_question():
    names = Names()
    names.goes_on.clear()
    asking = [asyncio.create_task(names.places()) for _ in range(20)]  # noqa: TID251 (awaited below)
    await asyncio.sleep(0)
    asking[0].cancel()  # who gives up takes nothing from the others
    names.goes_on.set()
    assert await asyncio.gather(*asking[1:]) == [V4[:1]] * 19
    assert names.asked == 1


async def test_a_name_that_leads_nowhere_is_an_error_and_asked_again():
    names = Names()
    names.answer = None
    for _ in range(2):
        with pytest.raises(OSError, match="no such name"):
            await names.places()
        await names.settled()
    assert names.asked == 2


@pytest.mark.parametrize("answer", [None, []])
async def test_what_was_known_stays_when_nothing_better_is_heard(answer: list[SocketAddress] | None):
    names = Names()
    await names.places()
    names.now, names.answer = REMEMBERED_SECONDS, answer
    await names.places()
    await names.settled()
    assert await names.places() == V4[:1]
    assert names.asked == 2
