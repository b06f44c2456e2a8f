"""Control's own certificate: issued to itself by its own authority, renewed before it ends, without a restart.

gRPC asks `configuration` for every handshake, from threads of its own. Connections that stand are not touched.
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
    """`hosts` are the names and addresses that the certificate tells; `life` in seconds; `wall` the time.

    Raises BadIdentity for what is no name of a host.
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
        """What to show now."""
        with self._lock:
            if self._wall() >= self.identity.renew_at():
                self._renew()
            return self._now

    def _renew(self) -> None:
        key = make_key()
        node_id = f"control-{self._replica[:12]}"
        chain = self._authority.issue(request(key, node_id), node_id, "control", self._wall(), self._life, self._hosts)
        self.identity: Identity = identity(chain)
        # A node that joins finds the authority in the chain, and compares it with its token's fingerprint.
        self._now = grpc.ssl_server_certificate_configuration(
            [(key, chain + self._authority.pem)], root_certificates=self._authority.pem
        )
        log.info("certificate-issued", ends=round(self.identity.ends), hosts=self._hosts)


def server_credentials(certificate: ServerCertificate, *, ask_for_one: bool) -> grpc.ServerCredentials:
    """TLS; with `ask_for_one` a peer without a certificate of our authority is not let in."""
    first = certificate.configuration()
    return grpc.dynamic_ssl_server_credentials(
        first, RenewedConfiguration(certificate, first).fetch, require_client_authentication=ask_for_one
    )


class RenewedConfiguration:
    """What one listener is to show from now on; None as long as that has not changed.

    gRPC throws its TLS context away for each one it is given, without a lock: told the same anew at every handshake,
    it does so under the feet of other handshakes, and a thousand nodes that come at once bring the process down.
    """

    def __init__(self, certificate: ServerCertificate, shown: grpc.ServerCertificateConfiguration) -> None:
        self._certificate = certificate
        self._shown = shown

    def fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """Asked at each handshake, from threads of gRPC."""
        now = self._certificate.configuration()
        if now is self._shown:
            return None
        self._shown = now
        return now
