"""How nodes join: tokens, once, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import select

from control.db.schema import nodes, revisions, tokens
from control.trust.authority import Authority
from control.trust.enrolment import Enrolment, EnrolmentRejected, Invitation, parse_invitation
from kernel.documents import BadDocument
from kernel.fleet.identity import CONTROL_NAME, identity, make_key, request

E1 = Invitation("e1", "edge", "eu")


@pytest.fixture
def enrolling(open_store, clock, tmp_path) -> Callable:
    @asynccontextmanager
    async def made() -> AsyncIterator[Enrolment]:
        async with open_store() as store:
            made = Enrolment(store, Authority.open(tmp_path / "ca", clock.wall()), clock, 600.0)
            made.store = store
            yield made

    return made


async def test_a_token_gives_one_certificate_for_one_node(enrolling, clock) -> None:
    async with enrolling() as joining:
        token = await joining.invite(E1, author="operator")
        who = identity(await joining.enrol(token.text, request(make_key(), "e1")))
        assert (who.id, who.role, who.ends) == ("e1", "edge", clock.wall() + 600)
        with pytest.raises(EnrolmentRejected, match="has been used"):
            await joining.enrol(token.text, request(make_key(), "e1"))
        (row,) = await joining.store.read(select(nodes))
        assert (row["id"], row["role"], row["region"], row["certificate_ends"]) == ("e1", "edge", "eu", who.ends)


async def test_an_answer_that_was_lost_is_given_again_to_the_same_key_alone(enrolling, clock) -> None:
    async with enrolling() as joining:
        token = await joining.invite(E1, author="operator")
        asked = request(make_key(), "e1")
        await joining.enrol(token.text, asked)
        (before,) = await joining.store.read(select(nodes))
        clock.move(60)
        await joining.enrol(token.text, asked)
        assert (await joining.store.read(select(nodes))) == [before]
        clock.move(3_600)
        with pytest.raises(EnrolmentRejected, match="expired"):
            await joining.enrol(token.text, asked)


async def test_of_many_who_show_a_token_at_once_one_gets_in(enrolling) -> None:
    async with enrolling() as joining:
        token = await joining.invite(E1, author="operator")
        tries = [joining.enrol(token.text, request(make_key(), "e1")) for _ in range(8)]
        ends = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(end, bytes) for end in ends) == 1
        assert sum(isinstance(end, EnrolmentRejected) for end in ends) == 7


@pytest.mark.parametrize("database_setting", ["postgresql"], indirect=True)
async def test_of_two_replicas_one_spends_a_token(open_store, clock, tmp_path) -> None:
    authority = Authority.open(tmp_path / "ca", clock.wall())
    async with open_store("a") as one, open_store("b") as other:
        doors = [Enrolment(store, authority, clock, 600.0) for store in (one, other)]
        for _ in range(3):
            token = await doors[0].invite(E1, author="operator")
            tries = [door.enrol(token.text, request(make_key(), "e1")) for door in doors * 2]
            ends = await asyncio.gather(*tries, return_exceptions=True)
            assert sum(isinstance(end, bytes) for end in ends) == 1
            assert sum(isinstance(end, EnrolmentRejected) for end in ends) == 3


async def test_what_is_not_welcome_is_told_why(enrolling, clock) -> None:
    async with enrolling() as joining:
        token = await joining.invite(E1, author="operator")
        other = token.text[:-4] + "AAAA"
        for text, asked, why in (
            ("junk", request(make_key(), "e1"), "no enrolment token"),
            (other, request(make_key(), "e1"), "token is unknown"),
            (token.text, b"junk", "no certificate request"),
            (token.text, request(make_key(), "e2"), "is for e1, not for e2"),
        ):
            with pytest.raises(EnrolmentRejected, match=why):
                await joining.enrol(text, asked)
        await joining.enrol(token.text, request(make_key(), "e1"))  # nothing of that has spent it


async def test_the_secret_is_nowhere(enrolling) -> None:
    async with enrolling() as joining:
        token = await joining.invite(E1, author="operator")
        secret = token.text.split("-", 2)[2]
        for table in (tokens, revisions):
            assert secret not in repr(await joining.store.read(select(table)))


async def test_a_renewal_is_for_who_asks_whatever_the_request_says(enrolling, clock) -> None:
    async with enrolling() as joining:
        token = await joining.invite(E1, author="operator")
        who = identity(await joining.enrol(token.text, request(make_key(), "e1")))
        clock.move(400)
        again = identity(await joining.renew(who, request(make_key(), "control")))
        assert (again.id, again.role, again.ends) == ("e1", "edge", clock.wall() + 600)
        (row,) = await joining.store.read(select(nodes))
        assert row["certificate_ends"] == again.ends
        with pytest.raises(EnrolmentRejected):
            await joining.renew(who, b"junk")


def test_invitations() -> None:
    assert parse_invitation({"id": "e1"}) == Invitation("e1", "edge", "", 3_600.0)
    assert parse_invitation({"id": "s", "role": "service", "ttl": "2h"}).ttl == 7_200
    for wrong in (
        {}, {"id": ""}, {"id": CONTROL_NAME}, {"id": "e", "role": "control"}, {"id": "e", "region": "x" * 65},
        {"id": "e", "ttl": 0}, {"id": "e", "ttl": True}, {"id": "e", "ttl": "soon"}, {"id": "e", "ttl": 1e12},
        {"id": "e", "what": 1},
    ):  # fmt: skip
        with pytest.raises(BadDocument):
            parse_invitation(wrong)
