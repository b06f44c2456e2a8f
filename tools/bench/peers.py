"""The servers that are measured: ours and nginx, set up for the same work on each request.

Both check a token in the path (one title, expiring), the viewer's country against the title's list, answer out of
their cache and write one JSON line a request to a buffered log. nginx.conf says how nginx does it.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]  # comes with mmdb-writer, without types

from kernel.auth.signing_keys import SigningKey, generate_ed25519_pem
from kernel.auth.token import mint
from tools.bench.processes import BenchFailed, free_port, started, tree, workers_of

TITLE = "bench"
FOREIGN_TITLE = "foreign"
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORKER_WITHIN = 5.0
DAY = 86400


@dataclass(frozen=True, slots=True)
class Ground:
    """What the servers of one run share: a folder for their files, the origin's port, the core they stay on."""

    folder: Path
    origin_port: int
    core: int | None


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens, whose CPU is its own, how a viewer's token goes before a path."""

    name: str
    port: int
    pids: tuple[int, ...]
    access_log: Path
    token: Callable[[str, int, int], str]
    """(scope such as `/cdn/eu/bench/`, number of the viewer, when it was issued) → `/t/<token>`, good for a day."""
    only_caches: bool = False
    """It looks at no token and no country and keeps no log."""
    admin: int = 0
    """Port of its own figures, for ours."""

    def target(self, path: str, viewer: int = 0, *, expired: bool = False) -> str:
        """The request target of `path` as this viewer asks for it."""
        scope = "/".join(path.split("/")[:4]) + "/"
        return self.token(scope, viewer, wall() - (2 * DAY if expired else 0)) + path


Peer = Callable[[Ground], contextlib.AbstractContextManager[Server]]


def wall() -> int:
    """Seconds since the epoch: tokens are dated."""
    return int(time.time())  # noqa: TID251 (this shell's one reading of the clock)


def matinee(*options: str, tls: bool = False) -> Peer:
    """`matinee edge` by itself, with further options (of the same name the last counts)."""

    @contextlib.contextmanager
    def peer(ground: Ground) -> Iterator[Server]:
        folder = ground.folder / "ours"
        folder.mkdir()
        key = SigningKey.from_pem(generate_ed25519_pem())
        _write_edge_files(folder, key)
        port, admin = free_port(), free_port()
        command = [
            sys.executable, "-P", "-m", "tools.cli", "edge", "--id", "bench",
            "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}",
            "--upstream", f"http://127.0.0.1:{ground.origin_port}",
            "--cache-dir", str(folder / "cache"), "--workers", "1",
            "--tokens", "required", "--keys", str(folder / "keys.json"), "--geo", str(folder / "geo.mmdb"),
            "--rules", str(folder / "rules.json"), "--access-log", str(folder / "access.log"),
        ]  # fmt: skip
        command += options or ("--ram", "512MiB", "--disk", "1GiB")
        if tls:
            certificate, private = certified(ground.folder)
            command += ["--tls-cert", str(certificate), "--tls-key", str(private)]

        def token(scope: str, viewer: int, issued: int) -> str:
            return "/t/" + mint(key, "bench", path=scope, now=issued, ttl=DAY, session=f"viewer{viewer}")

        with started(command, port=port, log=folder / "out.log", core=ground.core, folder=ROOT) as pid:
            yield Server("matinee", port, tree(pid), folder / "access.log", token, admin=admin)

    return peer


ours = matinee()
"""As it is measured when nothing is said."""


def certified(folder: Path) -> tuple[Path, Path]:
    """(certificate, key) for 127.0.0.1, ECDSA P-256, made once for all servers of a run."""
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    if not certificate.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
        today = dt.datetime.fromtimestamp(wall(), dt.UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(today)
        made = builder.not_valid_after(today + dt.timedelta(days=2)).sign(key, hashes.SHA256())
        plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        private.write_bytes(key.private_bytes(*plain))
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return certificate, private


def _write_edge_files(folder: Path, key: SigningKey) -> None:
    (folder / "keys.json").write_text(json.dumps({"keys": [key.public_jwk("bench")]}))
    titles = {TITLE: {"allow": ["DE", "FR"]}, FOREIGN_TITLE: {"allow": ["FR"]}}
    (folder / "rules.json").write_text(json.dumps({"default": "deny", "titles": titles}))
    geo = MMDBWriter(ip_version=4, database_type="Country")
    geo.insert_network(IPSet(["127.0.0.0/8"]), {"country": {"iso_code": "DE"}})
    geo.insert_network(IPSet(["10.0.0.0/8"]), {"country": {"iso_code": "US"}})
    geo.to_db_file(str(folder / "geo.mmdb"))


def nginx(name: str, sendfile: bool, nopush: bool, *, tls: bool = False, http2: bool = False) -> Peer:
    """nginx by the committed configuration, with sendfile and tcp_nopush on or off, TLS by our certificate, HTTP/2."""

    @contextlib.contextmanager
    def peer(ground: Ground) -> Iterator[Server]:
        folder = ground.folder / name.replace(" ", "-")
        folder.mkdir()
        port, secret = free_port(), secrets.token_hex(16)
        filled = {
            "USER": "user root;" if os.geteuid() == 0 else "", "DIR": str(folder), "PORT": str(port),
            "ORIGIN": str(ground.origin_port), "SECRET": secret,
            "SENDFILE": "on" if sendfile else "off", "NOPUSH": "on" if nopush else "off", "SSL": "", "TLS": "",
        }  # fmt: skip
        if tls:
            certificate, private = certified(ground.folder)
            filled["SSL"] = " ssl http2" if http2 else " ssl"
            filled["TLS"] = (
                f"ssl_certificate {certificate}; ssl_certificate_key {private}; ssl_protocols TLSv1.2 TLSv1.3;"
            )
        text = (HERE / "nginx.conf").read_text()
        for word, value in filled.items():
            text = text.replace(f"@{word}@", value)
        (folder / "nginx.conf").write_text(text)

        def token(scope: str, viewer: int, issued: int) -> str:
            until = issued + DAY + viewer
            digest = hashlib.md5(f"{until} {scope} {secret}".encode(), usedforsecurity=False).digest()
            return f"/t/{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}/{until}"

        command = [nginx_program() or "nginx", "-p", str(folder), "-e", str(folder / "error.log")]
        command += ["-c", str(folder / "nginx.conf")]
        with started(command, port=port, log=folder / "out.log", core=ground.core) as pid:
            yield Server(name, port, _nginx_workers(pid), folder / "access.log", token)

    return peer


@contextlib.contextmanager
def varnish(ground: Ground) -> Iterator[Server]:
    """Varnish by the committed VCL: a plain cache hit with Cache-Status and CORS; no token, country or log."""
    folder = ground.folder / "varnish"
    folder.mkdir()
    port = free_port()
    text = (HERE / "varnish.vcl").read_text().replace("@ORIGIN@", str(ground.origin_port))
    (folder / "bench.vcl").write_text(text)
    command = [varnish_program() or "varnishd", "-F", "-j", "none", "-n", str(folder / "work")]
    command += ["-a", f"127.0.0.1:{port}", "-f", str(folder / "bench.vcl"), "-s", "malloc,1g"]
    with started(command, port=port, log=folder / "out.log", core=ground.core) as pid:
        yield Server("varnish", port, tree(pid), folder / "none", lambda *_: "/t/none", only_caches=True)


def varnish_program() -> str | None:
    """The varnishd of this system; Debian puts it where a user's PATH does not look."""
    return shutil.which("varnishd") or shutil.which("varnishd", path="/usr/sbin:/usr/local/sbin")


def nginx_program() -> str | None:
    """The nginx of this system; Debian puts it where a user's PATH does not look."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def nginx_version() -> str | None:
    """`nginx/1.22.1`; None where there is none."""
    program = nginx_program()
    if program is None:
        return None
    told = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stderr
    return told.rpartition(" ")[2].strip() or None


def _nginx_workers(pid: int) -> tuple[int, ...]:
    deadline = time.monotonic() + WORKER_WITHIN
    while time.monotonic() < deadline:
        if workers := workers_of(pid, "nginx: worker process"):
            return workers
        time.sleep(0.02)
    raise BenchFailed("nginx started no worker")
