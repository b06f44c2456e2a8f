"""Control's own certificate: issued by its own authority, and renewed before it expires, without a restart.

gRPC calls `configuration` for every handshake, from its own threads. Existing connections keep theirs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import grpc
import structlog

from control.trust.authority import Authority
from kernel.fleet.identity import Identity, identity, make_key, request

LOOPBACK = ("localhost", "127.0.0.1", "::1")

log = structlog.get_logger("control")


class ServerCertificate:
    """`hosts`: the names and addresses in the certificate; `life`: its validity in seconds; `wall`: the clock.

    Raises BadIdentity for an invalid host name.
    """

    def __init__(
        self, authority: Authority, replica: str, hosts: Sequence[str], life: float, wall: Callable[[], float]
    ) -> None:
        self._authority = authority
        self._replica = replica
        self._hosts = tuple(dict.fromkeys((*hosts, *LOOPBACK)))
        self._life = life
        self._wall = wall
        self._lock = threading.Lock()
        self._renew()

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """The configuration to present now."""
        with self._lock:
            if self._wall() >= self.identity.renew_at():
                self._renew()
            return self._now

    def _renew(self) -> None:
        key = make_key()
        node_id = f"control-{self._replica[:12]}"
        chain = self._authority.issue(request(key, node_id), node_id, "control", self._wall(), self._life, self._hosts)
        self.identity: Identity = identity(chain)
        # A joining node takes the authority from the chain and compares it with the fingerprint in its token.
        self._now = grpc.ssl_server_certificate_configuration(
            [(key, chain + self._authority.pem)], root_certificates=self._authority.pem
        )
        log.info("certificate-issued", ends=round(self.identity.ends), hosts=self._hosts)


def server_credentials(certificate: ServerCertificate, *, ask_for_one: bool) -> grpc.ServerCredentials:
    """TLS credentials; with `ask_for_one` a peer must show a certificate of our authority."""
    first = certificate.configuration()
    return grpc.dynamic_ssl_server_credentials(
        first, RenewedConfiguration(certificate, first).fetch, require_client_authentication=ask_for_one
    )


class RenewedConfiguration:
    """Gives one listener its configuration only when that has changed.

    gRPC frees its TLS context whenever it is given one, without a lock. Given the same at every handshake, it frees
    contexts that other handshakes use, and a thousand nodes that connect at once crash the process.
    """

    def __init__(self, certificate: ServerCertificate, shown: grpc.ServerCertificateConfiguration) -> None:
        self._certificate = certificate
        self._shown = shown

    def fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """The new configuration, or None if it has not changed; gRPC's threads call this at each handshake."""
        now = self._certificate.configuration()
        if now is self._shown:
            return None
        self._shown = now
        return now
