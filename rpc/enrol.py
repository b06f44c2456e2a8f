"""How a node gets its certificate: with a one-time token when it joins, with the one that it has later.

A new node trusts nobody yet. Its token holds the fingerprint of the fleet's authority: the node looks at the
certificates that the listener shows, without saying anything, and speaks only over a second connection that is held to
the authority of that fingerprint. So the secret never reaches somebody who merely sits at control's address.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import grpc
import grpc.aio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from kernel.errors import BadRequest, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.fleet.identity import read_token
from kernel.settings.setting_types import parse_address
from rpc.channel import open_channel, reason
from rpc.identity_file import Credentials
from rpc.v1 import control_pb2 as pb
from rpc.v1.control_pb2_grpc import EnrolmentStub, FleetStub

WITHIN = 10.0
_DER = 2
_REFUSED = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED)


async def enrol(address: str, token: str, request: bytes) -> tuple[bytes, bytes]:
    """(chain, authority) for a certificate request, from the enrolment listener at HOST:PORT.

    Raises BadIdentity for a text that is no token, BadRequest when control refuses it, UpstreamFailed when control
    cannot be reached or is not the one that the token names.
    """
    wanted, _ = read_token(token)
    try:
        shown = await asyncio.to_thread(_shown, address)
    except (OSError, ValueError) as error:
        raise UpstreamFailed(
            UpstreamReason.CONTROL_UNREACHABLE, retry=True, detail=f"enrolment at {address}: {error}"
        ) from None
    authority = next((one for one in shown if one.fingerprint(hashes.SHA256()) == wanted), None)
    if authority is None:
        raise UpstreamFailed(
            UpstreamReason.CONTROL_UNTRUSTED,
            detail=f"who answers at {address} is not of the authority that the enrolment token names; nothing was said",
        )
    root = authority.public_bytes(serialization.Encoding.PEM)
    async with open_channel(address, authority=root) as channel:
        stub = EnrolmentStub(channel)  # type: ignore[no-untyped-call]  # generated without types
        return await _answer(stub.Enrol, pb.EnrolRequest(token=token.strip(), request=request), address, root)


async def renew(address: str, credentials: Credentials, request: bytes) -> tuple[bytes, bytes]:
    """(chain, authority) for a request of the same node's new key. Raises BadRequest, UpstreamFailed."""
    async with open_channel(address, credentials) as channel:
        stub = FleetStub(channel)  # type: ignore[no-untyped-call]  # generated without types
        return await _answer(stub.Renew, pb.RenewRequest(request=request), address, credentials.authority)


async def _answer(call: Any, message: Any, address: str, authority: bytes) -> tuple[bytes, bytes]:
    """What control answered; the authority is the one that was trusted, whatever the answer says."""
    try:
        found = await call(message, timeout=WITHIN)
    except grpc.aio.AioRpcError as error:
        if error.code() in _REFUSED:
            raise BadRequest(403, "control-refused", error.details() or "") from None
        why = f"control at {address}: {reason(error)}"
        raise UpstreamFailed(UpstreamReason.CONTROL_UNREACHABLE, retry=True, detail=why) from None
    return found.chain, authority


def _shown(address: str) -> list[x509.Certificate]:
    """The certificates that a TLS server shows; none of them is trusted, and nothing is sent."""
    place = parse_address(address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection((place.host, place.port), WITHIN) as plain,
        context.wrap_socket(plain) as connection,
    ):
        if hasattr(connection, "get_unverified_chain"):  # public since Python 3.13
            ders = connection.get_unverified_chain()
        else:
            inner = connection._sslobj  # type: ignore[attr-defined]  # what the public method calls
            ders = [one.public_bytes(_DER) for one in inner.get_unverified_chain() or ()]
        return [x509.load_der_x509_certificate(der) for der in ders[:8]]
