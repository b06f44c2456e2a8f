"""API keys, on both kinds of database."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from control.audit.entry import Author
from control.trust.api_keys import ApiKeys, Caller, Role
from kernel.documents import BadDocument

NOW = 1_800_000_000.0
ANNA = Author("anna", NOW)


@asynccontextmanager
async def opened(open_store: Callable) -> AsyncIterator[ApiKeys]:
    async with open_store() as store:
        made = ApiKeys(store, "the key of the file, long enough")
        await made.start()
        yield made


async def test_a_key_opens_what_its_role_may(open_store):
    async with opened(open_store) as keys:
        made, text = await keys.make("dashboard", "viewer", None, ANNA)
        assert await keys.caller(text, NOW) == Caller(made, "dashboard", Role.VIEWER)


async def test_the_key_of_the_file_is_an_admins(open_store):
    async with opened(open_store) as keys:
        found = await keys.caller("the key of the file, long enough", NOW)
        assert found is not None
        assert found.role is Role.ADMIN


async def test_what_is_not_the_key_opens_nothing(open_store):
    async with opened(open_store) as keys:
        _, text = await keys.make("a", "admin", None, ANNA)
        other = text[:-1] + ("A" if text[-1] != "A" else "B")
        for given in ("", "x", other, text.upper(), text + " ", "mtk-00000000-" + text[-32:]):
            assert await keys.caller(given, NOW) is None


async def test_a_key_expires_and_is_revoked(open_store):
    async with opened(open_store) as keys:
        _, short = await keys.make("short", "operator", NOW + 10, ANNA)
        made, long = await keys.make("long", "operator", None, ANNA)
        assert await keys.caller(short, NOW + 9) is not None
        assert await keys.caller(short, NOW + 10) is None
        assert await keys.revoke(made, ANNA)
        assert await keys.caller(long, NOW) is None
        assert not await keys.revoke(made, ANNA)
        assert not await keys.revoke("nobody", ANNA)


async def test_keys_are_listed_without_what_proves_them(open_store):
    async with opened(open_store) as keys:
        made, text = await keys.make("a", "viewer", None, ANNA)
        await keys.caller(text, NOW + 100)
        (row,) = await keys.listed()
        assert (row["id"], row["last_used"], row["author"]) == (made, NOW + 100, "anna")
        assert not {"salt", "hash"} & row.keys()


@pytest.mark.parametrize(
    ("name", "role", "expires", "where"),
    [
        ("", "viewer", None, "name"),
        ("a\n", "viewer", None, "name"),
        ("a", "king", None, "role"),
        ("a", "viewer", NOW, "expires"),
    ],
)
async def test_what_cannot_be_a_key_is_named(open_store, name: str, role: str, expires: float | None, where: str):
    async with opened(open_store) as keys:
        with pytest.raises(BadDocument, match=where):
            await keys.make(name, role, expires, ANNA)


def test_each_role_may_what_those_below_may():
    assert Role.VIEWER < Role.OPERATOR < Role.ADMIN
