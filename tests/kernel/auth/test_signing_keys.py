"""Key sets and signing keys: what is taken, what is left out, what is refused, and that no message shows a key."""

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from kernel.auth.signing_keys import (
    KeySet,
    SigningKey,
    decode_base64url,
    encode_base64url,
    generate_ed25519_pem,
    public_jwks,
)

ED_PEM = generate_ed25519_pem()
SECRET = bytes(range(32))


def pem_of(key, encryption=None):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption or serialization.NoEncryption()
    )


EC_PEM = pem_of(ec.generate_private_key(ec.SECP256R1()))


def ed(kid="k", **members):
    return public_jwks(ED_PEM, "k")["keys"][0] | {"kid": kid} | members


def es(kid="k", **members):
    return public_jwks(EC_PEM, "k")["keys"][0] | {"kid": kid} | members


def oct_key(secret=SECRET, kid="k", **members):
    return {"kty": "oct", "kid": kid, "k": encode_base64url(secret).decode()} | members


@pytest.mark.parametrize(
    ("jwk", "signer"),
    [
        (ed(), SigningKey.from_pem(ED_PEM)),
        (es(), SigningKey.from_pem(EC_PEM)),
        (oct_key(), SigningKey.from_secret(SECRET)),
        (oct_key(alg="HS256", use="sig", key_ops=["sign", "verify"]), SigningKey.from_secret(SECRET)),
        (ed(key_ops=["verify"]), SigningKey.from_pem(ED_PEM)),
    ],
    ids=["EdDSA", "ES256", "HS256", "HS256-all-members", "key_ops"],
)
def test_each_algorithm_verifies_its_own_signature_and_nothing_else(jwk, signer):
    key = KeySet.from_jwks({"keys": [jwk]}).find("k")
    signature = signer.sign(b"message")
    assert key.algorithm == signer.algorithm
    assert key.verifies(b"message", signature)
    assert not key.verifies(b"massage", signature)
    assert not key.verifies(b"message", signature[:-1])
    assert not key.verifies(b"message", signature + b"\0")
    assert not key.verifies(b"message", b"")
    assert not key.verifies(b"message", bytes(len(signature)))


def test_an_ecdsa_signature_with_a_zero_half_is_refused():
    key = KeySet.from_jwks({"keys": [es()]}).find("k")
    signature = SigningKey.from_pem(EC_PEM).sign(b"m")
    assert not key.verifies(b"m", bytes(32) + signature[32:])
    assert not key.verifies(b"m", signature[:32] + bytes(32))


@pytest.mark.parametrize(
    ("jwk", "why"),
    [
        (ed(use="enc"), "use"),
        (ed(use=None), "use"),
        (ed(key_ops=["sign"]), "key_ops"),
        (ed(key_ops="verify"), "key_ops"),
        (ed(alg="ES256"), "alg"),
        (ed(alg="none"), "alg"),
        (es(alg="EdDSA"), "alg"),
        (oct_key(alg="HS512"), "alg"),
        (oct_key(alg="none"), "alg"),
        ({"kty": "RSA", "kid": "k", "n": "AQAB", "e": "AQAB", "alg": "HS256"}, "supported"),
        (es(crv="P-384"), "supported"),
        (ed(crv="X25519"), "supported"),
        ({"kid": "k"}, "supported"),
    ],
)
def test_a_key_for_something_else_is_left_out_and_said(jwk, why):
    keys = KeySet.from_jwks({"keys": [jwk, ed("good")]})
    assert keys.find("k") is None
    assert keys.find("good") is not None
    assert len(keys) == 1
    assert why in keys.unusable[0]
    assert "'k'" in keys.unusable[0]
    with pytest.raises(ValueError, match="no key of the set"):
        KeySet.from_jwks({"keys": [jwk]})


@pytest.mark.parametrize(
    ("jwks", "why"),
    [
        (None, "JSON object"),
        ([], "JSON object"),
        ({}, '"keys"'),
        ({"keys": {}}, '"keys"'),
        ({"keys": ["x"]}, "key 1 of the set is not"),
        ({"keys": [ed(), {"kty": "OKP"}]}, "key 2 of the set has no kid"),
        ({"keys": [ed("")]}, "kid"),
        ({"keys": [ed(7)]}, "kid"),
        ({"keys": [ed("k" * 129)]}, "kid"),
        ({"keys": [ed("a\x00b")]}, "kid"),
        ({"keys": [ed(), es()]}, "two keys"),
        ({"keys": [ed(), ed(use="enc")]}, "two keys"),
        ({"keys": [ed(f"k{n}") for n in range(65)]}, "at most 64"),
        ({"keys": [ed(d="AAAA")]}, "private part"),
        ({"keys": [es(d="AAAA", use="enc")]}, "private part"),
        ({"keys": [oct_key(b"")]}, "base64url"),
        ({"keys": [oct_key(b"short")]}, "at least 32 bytes"),
        ({"keys": [oct_key(bytes(32))]}, "repeated"),
        ({"keys": [oct_key(bytes(range(256)) * 5)]}, "at most 1024"),
        ({"keys": [oct_key(k="A" * 43 + "=")]}, "base64url"),
        ({"keys": [oct_key(k=5)]}, "base64url"),
        ({"keys": [oct_key(k="é" * 43)]}, "base64url"),
        ({"keys": [oct_key(EC_PEM)]}, "PEM"),
        ({"keys": [ed(x="AAAA")]}, "32 bytes"),
        ({"keys": [ed(x=None)]}, "`x`"),
        ({"keys": [es(y=es()["x"])]}, "not a point"),
    ],
)
def test_a_wrong_key_set_is_refused_whole(jwks, why):
    with pytest.raises(ValueError, match=why):
        KeySet.from_jwks(jwks)


def test_an_empty_set_verifies_nothing():
    assert len(KeySet.from_jwks({"keys": []})) == 0


def test_the_version_follows_the_keys():
    one, other = KeySet.from_jwks({"keys": [ed("a"), es("b")]}), KeySet.from_jwks({"keys": [es("b"), ed("a")]})
    assert one.version == other.version
    assert KeySet.from_jwks({"keys": [ed("a")]}).version != one.version
    assert KeySet.from_jwks({"keys": [ed("a")]}, "7").version == "7"
    assert {key.kid for key in one} == {"a", "b"}


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b"\xff\xfe", "null"])
def test_text_that_is_no_key_set(text):
    with pytest.raises(ValueError, match="key set"):
        KeySet.from_json(text)


def test_a_key_set_reads_from_text():
    assert KeySet.from_json(json.dumps(public_jwks(ED_PEM, "a"))).find("a") is not None


def test_the_public_set_of_a_private_key_holds_nothing_private():
    for pem in (ED_PEM, EC_PEM):
        (jwk,) = public_jwks(pem, "k")["keys"]
        assert jwk["kid"] == "k"
        assert jwk["use"] == "sig"
        assert "d" not in jwk
    with pytest.raises(ValueError, match="no public part"):
        SigningKey.from_secret(SECRET).public_jwk("k")
    with pytest.raises(ValueError, match="kid"):
        public_jwks(ED_PEM, "")


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (b"", "not a private key"),
        (b"garbage", "not a private key"),
        (ED_PEM[:60], "not a private key"),
        (pem_of(rsa.generate_private_key(65537, 2048)), "only Ed25519"),
        (pem_of(ec.generate_private_key(ec.SECP384R1())), "only Ed25519"),
        (pem_of(ed25519.Ed25519PrivateKey.generate(), serialization.BestAvailableEncryption(b"pw")), "encrypted"),
        (
            ed25519.Ed25519PrivateKey.generate()
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
            "not a private key",
        ),
    ],
    ids=["empty", "garbage", "cut", "rsa", "p384", "encrypted", "public"],
)
def test_a_pem_that_cannot_sign_is_refused_without_showing_it(pem, why):
    with pytest.raises(ValueError, match=why) as raised:
        SigningKey.from_pem(pem)
    body = b"".join(pem.split(b"\n")[1:2]).decode()
    assert not body or body not in str(raised.value)


def test_no_repr_shows_key_material():
    secret = b"correct horse battery staple correct"
    keys = KeySet.from_jwks({"keys": [oct_key(secret)]})
    shown = repr(keys) + repr(SigningKey.from_secret(secret))
    assert "horse" not in shown
    assert encode_base64url(secret).decode() not in shown


@pytest.mark.parametrize("text", [b"", b"A", b"AB==", b"AB", b"AAB", b"A A", b"AA\n", b"A+", b"A/", b"AAAA=", b"AAAAA"])
def test_base64url_has_one_spelling(text):
    assert decode_base64url(text) is None


@pytest.mark.parametrize("data", [b"\0", b"\xff\xfe", b"abc", bytes(range(256))])
def test_base64url_round_trip(data):
    assert decode_base64url(encode_base64url(data)) == data
    assert encode_base64url(data) == base64.urlsafe_b64encode(data).rstrip(b"=")
