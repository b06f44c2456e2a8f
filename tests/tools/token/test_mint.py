"""`matinee token mint`: the token alone on stdout, or a sentence on stderr."""

import pytest

from kernel.auth.signing_keys import KeySet, SigningKey, encode_base64url, generate_ed25519_pem, public_jwks
from kernel.auth.token import verify
from tools import cli

PEM = generate_ed25519_pem()


@pytest.fixture
def key(tmp_path):
    file = tmp_path / "key.pem"
    file.write_bytes(PEM)
    return str(file)


def mint(*argv):
    return cli.main(["token", "mint", *argv])


def test_a_token_and_nothing_else_is_printed(key, capsys):
    limits = ["--country", "de", "--session", "s1", "--ip", "10.0.0.0/8", "--tier", "hd"]
    assert mint("--key", key, "--kid", "k1", "--path", "/cdn/eu/title1/", "--ttl", "3600", *limits) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    permit = verify(shown.out.removesuffix("\n"), KeySet.from_jwks(public_jwks(PEM, "k1")))
    assert (permit.prefix, permit.country, permit.session) == (b"/cdn/eu/title1/", "DE", "s1")
    assert (permit.tier_lines, str(permit.network)) == (1080, "10.0.0.0/8")
    assert permit.expires - permit.not_before == 3660


def test_a_raw_secret_signs_hs256(tmp_path, capsys):
    secret = bytes(range(40))
    (tmp_path / "secret").write_bytes(secret)
    assert mint("--key", str(tmp_path / "secret"), "--hs256", "--kid", "h", "--path", "/cdn/eu/title1/") == 0
    keys = KeySet.from_jwks({"keys": [{"kty": "oct", "kid": "h", "k": encode_base64url(secret).decode()}]})
    assert verify(capsys.readouterr().out.strip(), keys).prefix == b"/cdn/eu/title1/"
    assert SigningKey.from_secret(secret).algorithm == "HS256"


GOOD = {"--kid": "k", "--path": "/cdn/eu/title1/"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"--path": "/cdn/eu/title1"}, "setting `path`"),
        ({"--path": "/cdn/eu/../x/"}, "setting `path`"),
        ({"--ttl": "0"}, "setting `ttl`"),
        ({"--ttl": "soon"}, "setting `ttl` (flag --ttl)"),
        ({"--kid": "\t"}, "setting `kid`"),
        ({"--session": "a b"}, "setting `session`"),
        ({"--country": "XX"}, "setting `country`"),
        ({"--country": "Germany"}, "setting `country` (flag --country)"),
        ({"--ip": "10.0.0.1/8"}, "setting `ip` (flag --ip)"),
        ({"--tier": "4k"}, "setting `tier` (flag --tier)"),
        ({"--key": "/nowhere/key.pem"}, "setting `key` (file /nowhere/key.pem): cannot be read: No such file"),
        ({"--key": "/"}, "setting `key` (file /): cannot be read: Is a directory"),
        ({"--hs256": "on"}, "a PEM key is no HS256 secret"),
    ],
)
def test_what_cannot_be_signed_is_said_in_a_sentence(key, capsys, changes, said):
    arguments = {"--key": key} | GOOD | changes
    assert mint(*(word for pair in arguments.items() for word in pair)) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"junk", b"x" * 70_000])
def test_a_key_file_that_is_no_key_is_not_shown(tmp_path, capsys, content):
    file = tmp_path / "k"
    file.write_bytes(content)
    assert mint("--key", str(file), "--kid", "k", "--path", "/cdn/eu/title1/") == 2
    shown = capsys.readouterr().err
    assert "setting `key`" in shown
    assert not content or content.decode() not in shown
