"""Tokens: what is minted verifies, and every known way to forge, confuse or dress up a token is refused."""

import base64
import dataclasses
import hashlib
import hmac
import json
import zlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from kernel.auth.signing_keys import KeySet, SigningKey, encode_base64url, generate_ed25519_pem
from kernel.auth.token import NBF_BEFORE, NotMintable, Permit, mint, sign, verify
from kernel.vocabulary import REFUSAL_STATUS, Refusal

NOW = 1_800_000_000.5
PATH = "/cdn/eu/title1/"
SECRET = bytes(range(32, 64))
ED = SigningKey.from_pem(generate_ed25519_pem())
ES = SigningKey("ES256", ec.generate_private_key(ec.SECP256R1()))
HS = SigningKey.from_secret(SECRET)
SIGNERS = {"ed": ED, "es": ES, "hs": HS}
KEYS = KeySet.from_jwks(
    {
        "keys": [
            ED.public_jwk("ed"),
            ES.public_jwk("es"),
            {"kty": "oct", "kid": "hs", "k": encode_base64url(SECRET).decode()},
            ED.public_jwk("enc") | {"use": "enc"},
        ]
    }
)
CLAIMS = {"iss": "matinee", "aud": "edge", "mpath": PATH, "exp": int(NOW) + 100}
ED_PUBLIC_PEM = ED.material.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
ED_PUBLIC_RAW = ED.material.public_key().public_bytes_raw()


def part(data):
    return encode_base64url(data if isinstance(data, bytes) else json.dumps(data).encode()).decode()


def signed(header, claims=CLAIMS, signer=ED):
    """A token of these parts (objects or raw bytes) with a right signature over them."""
    message = f"{part(header)}.{part(claims)}"
    return f"{message}.{part(signer.sign(message.encode()))}"


def hs_signed(header, secret, claims=CLAIMS):
    message = f"{part(header)}.{part(claims)}"
    return f"{message}.{part(hmac.new(secret, message.encode(), hashlib.sha256).digest())}"


HEADER = {"alg": "EdDSA", "kid": "ed", "typ": "JWT"}
GOOD = signed(HEADER)


@pytest.mark.parametrize("kid", SIGNERS)
def test_a_minted_token_verifies(kid):
    token = mint(
        SIGNERS[kid], kid, path=PATH, now=NOW, ttl=60, session="s1", country="DE", tier="sd", network="192.0.2.0/24"
    )
    permit = verify(token, KEYS)
    assert isinstance(permit, Permit)
    assert verify(token.encode(), KEYS) == permit
    assert (permit.prefix, permit.session, permit.country, permit.tier_lines) == (PATH.encode(), "s1", "DE", 576)
    assert str(permit.network) == "192.0.2.0/24"
    assert permit.not_before == int(NOW) - NBF_BEFORE
    assert permit.expires == int(NOW + 60)
    assert permit.key_version == KEYS.version


def test_a_token_is_minted_from_a_pem():
    pem = generate_ed25519_pem()
    keys = KeySet.from_jwks({"keys": [SigningKey.from_pem(pem).public_jwk("k")]})
    assert isinstance(verify(mint(pem, "k", path=PATH, now=NOW, ttl=60), keys), Permit)


@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        ({"path": "/cdn/eu/title1"}, "path"),
        ({"path": "/cdn/eu/../x/"}, "path"),
        ({"path": "/etc/"}, "path"),
        ({"ttl": 0}, "ttl"),
        ({"ttl": -5}, "ttl"),
        ({"ttl": float("nan")}, "ttl"),
        ({"ttl": float("inf")}, "ttl"),
        ({"session": ""}, "session"),
        ({"session": "a b"}, "session"),
        ({"country": "de"}, "country"),
        ({"tier": "4k"}, "tier"),
        ({"network": "10.0.0.1/8"}, "network"),
        ({"kid": "\n"}, "kid"),
    ],
)
def test_mint_names_the_argument_it_cannot_take(changes, argument):
    arguments = {"kid": "ed", "path": PATH, "now": NOW, "ttl": 60} | changes
    with pytest.raises(NotMintable) as raised:
        mint(ED, arguments.pop("kid"), **arguments)
    assert raised.value.argument == argument
    assert str(raised.value)


def test_the_token_that_the_attacks_start_from_is_good():
    """Else the table below would prove nothing."""
    assert isinstance(verify(GOOD, KEYS), Permit)
    assert isinstance(verify(signed({"alg": "EdDSA", "kid": "ed"}), KEYS), Permit)
    assert isinstance(verify(hs_signed({"alg": "HS256", "kid": "hs"}, SECRET), KEYS), Permit)
    assert isinstance(verify(signed({"alg": "ES256", "kid": "es"}, signer=ES), KEYS), Permit)


H, C, S = GOOD.split(".")
NONE_MESSAGE = f"{part({'alg': 'none', 'kid': 'ed'})}.{C}"
DEEP = b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"
KEY_ATTACKS = {
    **{f"alg {alg}": signed(HEADER | {"alg": alg}) for alg in ("none", "None", "NONE", "nOnE", "", "eddsa", "EdDSA ")},
    **{f"alg {alg!r}": signed(HEADER | {"alg": alg}) for alg in (None, 7, ["EdDSA"], {"x": 1}, True)},
    **{f"alg {alg}": signed(HEADER | {"alg": alg}) for alg in ("HS256", "HS512", "RS256", "PS256", "ES256", "Ed25519")},
    "no alg": signed({"kid": "ed"}),
    "HS with the public PEM": hs_signed(HEADER | {"alg": "HS256"}, ED_PUBLIC_PEM),
    "HS with the public key": hs_signed(HEADER | {"alg": "HS256"}, ED_PUBLIC_RAW),
    "HS with a blank secret": hs_signed(HEADER | {"alg": "HS256"}, b""),
    "HS key used for EdDSA": signed(HEADER | {"kid": "hs"}),
    "key of use enc": signed(HEADER | {"kid": "enc"}),
    "no kid": signed({"alg": "EdDSA"}),
    **{
        f"kid {kid!r}"[:40]: signed(HEADER | {"kid": kid})
        for kid in (
            "", "ED", "ed ", " ed", "ed\0", "unknown", "../ed", "/dev/null", "file:///etc/passwd", "http://x/ed",
            "x' OR '1'='1",
            "ed\n", "e" * 5000, None, 7, ["ed"], {"ed": 1}, True, "éd",
        )
    },
}  # fmt: skip
MALFORMED = {
    "empty": "",
    "dots": "..",
    "no signature part": f"{H}.{C}",
    "empty signature": f"{NONE_MESSAGE}.",
    "four parts": f"{GOOD}.",
    "JWE": "eyJhbGciOiJkaXIifQ..AAAAAAAAAAAAAAAA.AAAA.AAAA",
    "leading blank": f" {GOOD}",
    "trailing newline": f"{GOOD}\n",
    "padded": f"{GOOD}==",
    "padding in the middle": f"{H}==.{C}.{S}",
    "standard alphabet": f"{H}.{C}.{'+/' * 43}",
    "unused bits set": GOOD[:-1] + chr(ord(GOOD[-1]) + 1),
    "trailing byte": f"{GOOD}A" if (len(S) + 1) % 4 == 1 else f"{H}.{C}.{S}AAA",
    "not ASCII": f"{H}.{C}.é",
    "lone surrogate": f"{H}.{C}.\ud800",
    "header not JSON": signed(b"x"),
    "header not UTF-8": signed(b'{"alg":"EdDSA","kid":"ed","x":"\xff"}'),
    "header with BOM": signed(b"\xef\xbb\xbf" + json.dumps(HEADER).encode()),
    "header a list": signed([HEADER]),
    "header a string": signed(b'"x"'),
    "header twice alg": signed(b'{"alg":"none","alg":"EdDSA","kid":"ed"}'),
    "header twice kid": signed(b'{"alg":"EdDSA","kid":"ed","kid":"ed"}'),
    "header with NaN": signed(b'{"alg":"EdDSA","kid":"ed","x":NaN}'),
    "header with trailing text": signed(json.dumps(HEADER).encode() + b"{}"),
    "header of great depth": f"{part(DEEP[:4000])}.{C}.{S}",
    **{f"typ {typ!r}": signed(HEADER | {"typ": typ}) for typ in ("JWE", "at+jwt", "JWT ", "", None, 7, ["JWT"])},
    **{
        f"header {name}": signed(HEADER | {name: value})
        for name, value in (
            ("jku", "https://evil/keys"), ("x5u", "https://evil/cert"), ("x5c", ["AAAA"]), ("x5t", "AAAA"),
            ("jwk", ED.public_jwk("ed")), ("crit", ["exp"]), ("crit", ["b64"]), ("crit", []), ("b64", False),
            ("b64", True),
            ("zip", "DEF"), ("enc", "A128GCM"), ("cty", "JWT"),
        )
    },
    "zip": signed(HEADER | {"zip": "DEF"}, zlib.compress(json.dumps(CLAIMS).encode())),
    "too long": signed(HEADER, CLAIMS | {"x": "x" * 6200}),
}  # fmt: skip
BAD_SIGNATURES = {
    "unsigned": f"{NONE_MESSAGE.replace(part({'alg': 'none', 'kid': 'ed'}), H)}.AAAA",
    "zeros": f"{H}.{C}.{part(bytes(64))}",
    "cut": f"{H}.{C}.{part(base64.urlsafe_b64decode(S + '==')[:-1])}",
    "longer": f"{H}.{C}.{part(base64.urlsafe_b64decode(S + '==') + b'x')}",
    "other claims": f"{H}.{part(CLAIMS | {'mpath': '/cdn/eu/'})}.{S}",
    "another's key": signed(HEADER, signer=SigningKey.from_pem(generate_ed25519_pem())),
    "ES256 r=s=0": f"{part({'alg': 'ES256', 'kid': 'es'})}.{C}.{part(bytes(64))}",
    "ES256 r=0": f"{part({'alg': 'ES256', 'kid': 'es'})}.{C}.{part(bytes(32) + b'x' * 32)}",
    "ES256 r=s=n": f"{part({'alg': 'ES256', 'kid': 'es'})}.{C}."
    + part(bytes.fromhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551") * 2),
    "ES256 in DER": f"{part({'alg': 'ES256', 'kid': 'es'})}.{C}." + part(bytes.fromhex("3006020100020100")),
    "HS256 blank": hs_signed({"alg": "HS256", "kid": "hs"}, b""),
    "HS256 zeros": f"{part({'alg': 'HS256', 'kid': 'hs'})}.{C}.{part(bytes(32))}",
}
BAD_CLAIMS = {
    "not JSON": signed(HEADER, b"x"),
    "a list": signed(HEADER, [CLAIMS]),
    "NaN": signed(HEADER, json.dumps(CLAIMS | {"exp": float("nan")}).encode()),
    "Infinity": signed(HEADER, json.dumps(CLAIMS | {"exp": float("inf")}).encode()),
    "1e400": signed(HEADER, json.dumps(CLAIMS).replace(str(CLAIMS["exp"]), "1e400").encode()),
    "many digits": signed(HEADER, json.dumps(CLAIMS).replace(str(CLAIMS["exp"]), "9" * 5000).encode()),
    "exp twice": signed(HEADER, json.dumps(CLAIMS).encode()[:-1] + b',"exp":1}'),
    "twice deep inside": signed(HEADER, json.dumps(CLAIMS).encode()[:-1] + b',"x":{"a":1,"a":1}}'),
    "nothing": signed(HEADER, {}),
    "exp missing": signed(HEADER, {name: value for name, value in CLAIMS.items() if name != "exp"}),
    "aud list": signed(HEADER, CLAIMS | {"aud": ["edge"]}),
    "iss substring": signed(HEADER, CLAIMS | {"iss": "matine"}),
}


@pytest.mark.parametrize(
    ("token", "why"),
    [
        pytest.param(token, why, id=f"{why}: {name}")
        for table, why in (
            (KEY_ATTACKS, Refusal.TOKEN_KEY),
            (MALFORMED, Refusal.TOKEN_MALFORMED),
            (BAD_SIGNATURES, Refusal.TOKEN_SIGNATURE),
            (BAD_CLAIMS, Refusal.TOKEN_CLAIMS),
        )
        for name, token in table.items()
    ],
)
def test_attacks(token, why):
    """Each is refused with 401 by one of four words, whatever it tried."""
    assert verify(token, KEYS) is why
    assert verify(token.encode("utf-8", "surrogatepass"), KEYS) is why
    assert REFUSAL_STATUS[why] == 401


@pytest.mark.parametrize("kid", SIGNERS)
@given(data=st.data())
def test_any_changed_bit_is_refused(kid, data):
    """A token with one bit changed, anywhere, never verifies."""
    token = bytearray(mint(SIGNERS[kid], kid, path=PATH, now=NOW, ttl=60).encode())
    place = data.draw(st.integers(0, len(token) - 1))
    token[place] ^= 1 << data.draw(st.integers(0, 7))
    assert isinstance(verify(bytes(token), KEYS), Refusal)


@given(st.data())
def test_any_replaced_added_or_lost_character_is_refused(data):
    """One spelling of a token is accepted, no other."""
    place = data.draw(st.integers(0, len(GOOD) - 1))
    letter = data.draw(st.sampled_from("ABCdef019-_.=~ \n\0"))
    kept = data.draw(st.sampled_from([place, place + 1]))
    changed = GOOD[:place] + data.draw(st.sampled_from([letter, ""])) + GOOD[kept:]
    if changed != GOOD:
        assert isinstance(verify(changed, KEYS), Refusal)


@given(st.binary(max_size=200) | st.text('eyJ.{}":AQ=-_', max_size=80).map(str.encode))
def test_no_bytes_raise(data):
    """Whatever is sent, the answer is a value."""
    assert isinstance(verify(data, KEYS), Refusal)


def test_a_key_that_left_the_set_verifies_no_more():
    assert verify(GOOD, KeySet.from_jwks({"keys": [ES.public_jwk("es")]})) is Refusal.TOKEN_KEY


def test_issuer_and_audience_are_the_callers():
    token = mint(ED, "ed", path=PATH, now=NOW, ttl=60, issuer="a", audience="b")
    assert verify(token, KEYS) is Refusal.TOKEN_CLAIMS
    assert isinstance(verify(token, KEYS, issuer="a", audience="b"), Permit)


def test_sign_writes_what_it_is_given():
    assert verify(sign(HEADER, CLAIMS, ED), KEYS) == dataclasses.replace(verify(GOOD, KEYS))
