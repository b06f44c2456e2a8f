"""What the doctor says of one edge's settings file."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tools.doctor_findings import Level
from tools.doctor_node import check_cache_file_system, check_certificate, check_descriptors, check_node

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """(certificate, key) valid from a day before NOW to 30 days after it."""
    folder = tmp_path_factory.mktemp("certificates")
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(5)
    made = made.not_valid_before(NOW - dt.timedelta(days=1)).not_valid_after(NOW + dt.timedelta(days=30))
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(key.private_bytes(*plain))
    files[1].chmod(0o600)
    return files


@pytest.mark.parametrize(
    ("days", "level"), [(-2, Level.FAILED), (0, Level.OK), (20, Level.WARNING), (31, Level.FAILED)]
)
def test_a_certificate_is_valid_now_and_for_a_while(certified, days, level):
    assert check_certificate(*certified, NOW.timestamp() + days * 86400).level is level


def test_a_certificate_needs_its_own_key(certified, tmp_path):
    other = tmp_path / "other.pem"
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    other.write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(*plain))
    assert check_certificate(certified[0], other, NOW.timestamp()).level is Level.FAILED


@pytest.mark.parametrize(
    ("limit", "connections", "level"),
    [(1024, 100, Level.FAILED), (65536, 10_000, Level.OK), (65536, 40_000, Level.WARNING)],
)
def test_descriptors_suffice_for_the_connections(limit, connections, level):
    assert check_descriptors(limit, connections).level is level


def test_a_folder_that_is_none_is_no_place_for_a_cache(tmp_path):
    (tmp_path / "file").touch()
    assert check_cache_file_system(tmp_path).level is Level.OK
    assert check_cache_file_system(tmp_path / "file").level is Level.WARNING


def test_every_file_that_the_settings_name_is_checked(certified, tmp_path):
    """One is missing, one is broken, one is readable by all; the rest is well."""
    (tmp_path / "keys.json").write_text("{}")
    (tmp_path / "admin.keys").write_text("a key of sixteen characters\n")
    (tmp_path / "admin.keys").chmod(0o644)
    settings = tmp_path / "edge.toml"
    settings.write_text(
        f"""upstream = ["http://127.0.0.1:9000"]
cache-dir = "{tmp_path}/cache"
disk = "1MiB"
keys = "{tmp_path}/keys.json"
rules = "{tmp_path}/rules.json"
admin-keys = "{tmp_path}/admin.keys"
tls-cert = "{certified[0]}"
tls-key = "{certified[1]}"
"""
    )
    found = {one.check: one.level for one in check_node(settings, NOW.timestamp())}
    found.pop("descriptors")
    assert found == {
        "settings": Level.OK,
        "cache disk": Level.OK,
        "cache file system": Level.OK,
        "certificate": Level.OK,
        "keys": Level.FAILED,
        "rules": Level.FAILED,
        "tls-key": Level.OK,
        "admin-keys": Level.WARNING,
    }


def test_settings_that_cannot_be_read_are_the_only_finding(tmp_path):
    (tmp_path / "edge.toml").write_text("no-such-setting = 1")
    [finding] = check_node(tmp_path / "edge.toml", 0.0)
    assert finding.level is Level.FAILED
    assert "no-such-setting" in finding.details
