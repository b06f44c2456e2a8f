"""Control's signature holds for one update, and for nothing that differs from it."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from kernel.fleet.messages import Resource, Update, Version
from kernel.fleet.signed import NotSigned, check, signed, statement

KEY = ec.generate_private_key(ec.SECP256R1())
UPDATE = Update(
    type="rules",
    version=Version("epoch", 7),
    nonce="1",
    snapshot=False,
    base=6,
    resources=(Resource("title/a", 7, b"{}"), Resource("title/b", 7, b"{}")),
    removed=("title/c",),
)


def test_what_was_signed_holds_whatever_its_nonce():
    made = signed(UPDATE, KEY)
    check(made, KEY.public_key())
    check(replace(made, nonce="2"), KEY.public_key())


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "keys"},
        {"version": Version("epoch", 8)},
        {"version": Version("other", 7)},
        {"base": 5},
        {"snapshot": True},
        {"resources": UPDATE.resources[:1]},
        {"resources": tuple(reversed(UPDATE.resources))},
        {"resources": (Resource("title/a", 7, b"{ }"), UPDATE.resources[1])},
        {"removed": ()},
        {"removed": ("title/d",)},
        {"signature": b""},
        {"signature": b"x" * 70},
    ],
)
def test_what_differs_does_not_hold(changed: dict):
    with pytest.raises(NotSigned, match="version"):
        check(replace(signed(UPDATE, KEY), **changed), KEY.public_key())


def test_another_key_or_another_edge_does_not_hold():
    made = signed(UPDATE, KEY, "e1")
    check(made, KEY.public_key(), "e1")
    with pytest.raises(NotSigned):
        check(made, KEY.public_key(), "e2")
    with pytest.raises(NotSigned):
        check(made, ec.generate_private_key(ec.SECP256R1()).public_key(), "e1")


def test_a_name_cannot_pass_for_two():
    one = replace(UPDATE, resources=(), removed=("ab", "c"))
    assert statement(one) != statement(replace(one, removed=("a", "bc")))
