"""`matinee doctor --edge-config FILE`: check the settings of one edge or shield, and what this machine gives it."""

from __future__ import annotations

import errno
import os
import resource
import ssl
import tomllib
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509

from cache.body import SpoolFile
from edge.fleet.setup import read_keys, read_rules
from edge.settings import EdgeSettings
from kernel.errors import BadSettings
from kernel.settings.table import resolve
from tools.doctor_findings import Finding, Level, nearest_existing

CERTIFICATE_WARNING_DAYS = 14
MIN_DESCRIPTORS, RECOMMENDED_DESCRIPTORS = 4096, 65536
DAY = 86400.0


def check_node(file: Path, now: float) -> Iterator[Finding]:
    """Check everything that the settings in `file` name. `now`: Unix seconds."""
    try:
        settings = resolve(EdgeSettings, file=tomllib.loads(file.read_text("utf-8")), file_name=str(file))
    except (OSError, ValueError, BadSettings) as error:
        yield Finding("settings", Level.FAILED, f"{file}: {error}", "see docs/settings.md")
        return
    yield Finding("settings", Level.OK, str(file))
    yield check_descriptors(resource.getrlimit(resource.RLIMIT_NOFILE)[1], settings.max_connections)
    if settings.cache_dir is not None and settings.disk:
        folder = nearest_existing(settings.cache_dir.absolute())
        yield check_cache_space(folder, settings.disk)
        yield check_cache_file_system(folder)
    if settings.tls_cert is not None and settings.tls_key is not None:
        yield check_certificate(settings.tls_cert, settings.tls_key, now)
    yield from check_documents(settings)
    for name in ("tls_key", "admin_keys"):
        if (secret := getattr(settings, name)) is not None:
            yield check_secret(name.replace("_", "-"), secret)


def check_descriptors(limit: int, connections: int) -> Finding:
    """Check how many descriptors a process may open: connections, bodies in RAM and the disk share them."""
    seen, fix = f"at most {limit}", "raise LimitNOFILE (systemd) or `ulimit -Hn`"
    if limit < MIN_DESCRIPTORS:
        return Finding("descriptors", Level.FAILED, seen, fix)
    if limit < max(RECOMMENDED_DESCRIPTORS, 2 * connections):
        return Finding("descriptors", Level.WARNING, f"{seen}, with max-connections {connections}", fix)
    return Finding("descriptors", Level.OK, seen)


def check_cache_space(folder: Path, budget: int) -> Finding:
    """Check that the cache may be written, and that its budget fits on the disk."""
    if not os.access(folder, os.W_OK):
        return Finding("cache disk", Level.FAILED, f"{folder} is not writable", "change its owner, or cache-dir")
    status = os.statvfs(folder)
    size, gib = status.f_blocks * status.f_frsize, 1 << 30
    seen = f"{size / gib:.1f} GiB at {folder}, budget {budget / gib:.1f} GiB"
    if budget > 0.95 * size:
        return Finding("cache disk", Level.WARNING, seen, "lower `disk`: objects are evicted early on a full disk")
    return Finding("cache disk", Level.OK, seen)


def check_cache_file_system(folder: Path) -> Finding:
    """Check that files without a name, and reads that do not wait, work there."""
    name = "cache file system"
    try:
        file = SpoolFile(folder)
        file.append([b"x"])
        os.preadv(file.fd, [bytearray(1)], 0, os.RWF_NOWAIT)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return Finding(name, Level.OK, "nameless files, reads without waiting")
        fix = (
            "use ext4, XFS or tmpfs: without these, bodies of unknown length are not kept and cached files are re-read"
        )
        return Finding(name, Level.WARNING, f"{folder}: {error.strerror}", fix)
    return Finding(name, Level.OK, "nameless files, reads without waiting")


def check_certificate(certificate: Path, key: Path, now: float) -> Finding:
    """Check that the certificate is valid now and for a while, and that the key is its own."""
    name, renew = "certificate", "renew it, then `matinee edge reload`"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError) as error:
        return Finding(name, Level.FAILED, f"{certificate} with {key}: {error}", "give a certificate and its own key")
    begins, ends = found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp()
    if now < begins:
        return Finding(name, Level.FAILED, f"{certificate} is not valid yet", "check the clock")
    days = (ends - now) / DAY
    seen = f"{certificate}, valid for {days:.0f} more days"
    if days <= 0:
        return Finding(name, Level.FAILED, f"{certificate} has expired", renew)
    return (
        Finding(name, Level.WARNING, seen, renew) if days < CERTIFICATE_WARNING_DAYS else Finding(name, Level.OK, seen)
    )


def check_documents(settings: EdgeSettings) -> Iterator[Finding]:
    """Check that the viewers' keys and the rules can be read."""
    for name, file, read in (("keys", settings.keys, read_keys), ("rules", settings.rules, read_rules)):
        if file is None:
            continue
        try:
            read(file)
        except BadSettings as error:
            yield Finding(name, Level.FAILED, str(error), "mend the file; the edge does not start with it")
        else:
            yield Finding(name, Level.OK, str(file))


def check_secret(name: str, file: Path) -> Finding:
    """Check that nobody but its owner may read a secret."""
    try:
        mode = file.stat().st_mode
    except OSError as error:
        return Finding(name, Level.FAILED, f"{file}: {error.strerror}", "give a file that exists")
    if mode & 0o077:
        return Finding(name, Level.WARNING, f"{file} has mode {mode & 0o777:04o}", f"chmod 600 {file}")
    return Finding(name, Level.OK, str(file))
