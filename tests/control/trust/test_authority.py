"""The fleet's authority, and what it issues."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from control.trust.authority import Authority
from kernel.errors import BadSettings
from kernel.fleet.identity import BadIdentity, identity, make_key, request

NOW = 1_800_000_000.0


def test_it_is_made_once_and_read_again(tmp_path: Path):
    made = Authority.open(tmp_path / "ca", NOW)
    again = Authority.open(tmp_path / "ca", NOW + 5)
    assert again.fingerprint == made.fingerprint
    assert (tmp_path / "ca" / "authority.key").stat().st_mode & 0o777 == 0o600


def test_a_kill_between_its_files_leaves_a_state_that_starts(tmp_path: Path):
    Authority.open(tmp_path, NOW)
    (tmp_path / "authority.pem").unlink()
    (tmp_path / "authority.pem.new").write_bytes(b"half")
    assert Authority.open(tmp_path, NOW).fingerprint


def test_files_that_do_not_belong_together_are_named(tmp_path: Path):
    Authority.open(tmp_path, NOW)
    (tmp_path / "authority.key").write_bytes(make_key())
    with pytest.raises(BadSettings, match="do not belong together"):
        Authority.open(tmp_path, NOW)


def test_a_certificate_names_the_node_whatever_the_request_says(tmp_path: Path):
    authority = Authority.open(tmp_path, NOW)
    chain = authority.issue(request(make_key(), "somebody-else"), "e1", "edge", NOW, 3600.0)
    who = identity(chain)
    assert (who.id, who.role) == ("e1", "edge")
    assert who.ends == NOW + 3600
    assert who.begins < NOW
    leaf = x509.load_pem_x509_certificate(chain)
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.pem))
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_what_it_issues_is_a_certificate_to_openssl(tmp_path: Path):
    authority, key = Authority.open(tmp_path / "ca", NOW), make_key()
    (tmp_path / "node.pem").write_bytes(authority.issue(request(key, "e1"), "e1", "edge", NOW, 3600.0) + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "node.pem")
    context.load_verify_locations(cadata=authority.pem.decode())


def other_key_type() -> bytes:
    key = ed25519.Ed25519PrivateKey.generate()
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, None)
    return made.public_bytes(serialization.Encoding.PEM)


def tampered() -> bytes:
    lines = request(make_key(), "e1").splitlines()
    other = request(make_key(), "e1").splitlines()
    return b"\n".join([*lines[:-2], other[-2], lines[-1]]) + b"\n"


@pytest.mark.parametrize("asked", [b"", b"x" * 20_000, b"no pem", other_key_type(), tampered()])
def test_a_request_that_proves_nothing_gets_nothing(tmp_path: Path, asked: bytes):
    with pytest.raises(BadIdentity):
        Authority.open(tmp_path, NOW).issue(asked, "e1", "edge", NOW, 60.0)


def test_the_authority_signs_certificates_and_is_no_node(tmp_path: Path):
    authority = Authority.open(tmp_path, NOW)
    own = x509.load_pem_x509_certificate(authority.pem)
    assert own.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert own.signature_hash_algorithm is not None
    assert isinstance(own.signature_hash_algorithm, hashes.SHA256)
    with pytest.raises(BadIdentity):
        identity(authority.pem)
