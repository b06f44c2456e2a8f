"""Who a node is, and the token that it joins with."""

import pytest

from kernel.fleet.identity import (
    BadIdentity,
    Identity,
    enrolment_token,
    fingerprint,
    identity,
    load_key,
    make_key,
    named_by,
    names,
    read_token,
    request,
    secret_hash,
)


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("matinee://node/edge/e1", ("edge", "e1")),
        ("matinee://node/shield/s.1-a", ("shield", "s.1-a")),
        ("matinee://node/king/e1", None),
        ("matinee://node/edge/", None),
        ("matinee://node/edge/e1/e2", None),
        ("matinee://node/edge/e 1", None),
        ("matinee://other/edge/e1", None),
        ("matinee://node/edge/e1?x", None),
        ("https://node/edge/e1", None),
    ],
)
def test_a_node_is_named_by_one_form_of_uri(uri: str, found):
    assert named_by(uri) == found


@pytest.mark.parametrize(("node_id", "role"), [("", "edge"), ("e 1", "edge"), ("e1", "king"), ("x" * 65, "edge")])
def test_what_cannot_be_a_node_gets_no_names(node_id: str, role: str):
    with pytest.raises(BadIdentity):
        names(node_id, role)


def test_a_token_tells_whom_to_trust_and_proves_who_may_join():
    secret = bytes(range(24))
    token = enrolment_token(b"f" * 32, secret)
    trusted, kept = read_token(f" {token}\n")
    assert trusted == b"f" * 32
    assert kept == secret_hash(token[-32:])
    assert read_token(enrolment_token(b"f" * 32, bytes(24)))[1] != kept


@pytest.mark.parametrize(
    "text", ["", "mtn1-x-y", "mtn2-" + "a" * 52 + "-" + "A" * 32, "mtn1-" + "a" * 52 + "-" + "A" * 31]
)
def test_what_is_no_token_is_refused(text: str):
    with pytest.raises(BadIdentity, match="enrolment token"):
        read_token(text)


@pytest.mark.parametrize("read", [load_key, identity, fingerprint])
def test_what_is_no_pem_is_refused(read):
    with pytest.raises(BadIdentity):
        read(b"no pem")


def test_a_request_is_made_for_a_key():
    assert request(make_key(), "e1").startswith(b"-----BEGIN CERTIFICATE REQUEST-----")


def test_a_certificate_is_renewed_at_two_thirds_of_its_life():
    who = Identity("e1", "edge", 300.0, 900.0)  # made at 600: it holds from a little before
    assert who.life == 300.0
    assert who.renew_at() == pytest.approx(800.0)
