"""Enrolment and renewal of a node's certificate: first with a one-time token, later with its current certificate.

A new node trusts no one yet. Its token has the fingerprint of the fleet's authority. The node reads the certificates
that the listener presents, sends nothing, and then opens a second connection that must be verified by that authority.
So the secret is never sent to an impostor at control's address.
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
from rpc.channel import describe_error, open_channel
from rpc.identity_file import Credentials
from rpc.v1 import control_pb2 as pb
from rpc.v1.control_pb2_grpc import EnrolmentStub, FleetStub

TIMEOUT_SECONDS = 10.0
_DER = 2
_REFUSED = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED)


async def enrol(address: str, token: str, request: bytes) -> tuple[bytes, bytes]:
    """Request a certificate from the enrolment listener at HOST:PORT; returns (chain, authority).

    Raises BadIdentity if the text is not a token, BadRequest if control rejects it, UpstreamFailed if control is
    unreachable or not the one that the token names.
    """
    wanted, _ = read_token(token)
    try:
        shown = await asyncio.to_thread(_presented_certificates, address)
    except (OSError, ValueError) as error:
        raise UpstreamFailed(
            UpstreamReason.CONTROL_UNREACHABLE, retry=True, detail=f"enrolment at {address}: {error}"
        ) from None
    authority = next((one for one in shown if one.fingerprint(hashes.SHA256()) == wanted), None)
    if authority is None:
        raise UpstreamFailed(
            UpstreamReason.CONTROL_UNTRUSTED,
            detail=f"the server at {address} is not of the authority that the enrolment token names; nothing was sent",
        )
    root = authority.public_bytes(serialization.Encoding.PEM)
    async with open_channel(address, authority=root) as channel:
        stub = EnrolmentStub(channel)  # type: ignore[no-untyped-call]  # generated without types
        return await _answer(stub.Enrol, pb.EnrolRequest(token=token.strip(), request=request), address, root)


async def renew(address: str, credentials: Credentials, request: bytes) -> tuple[bytes, bytes]:
    """Request a certificate for a new key of the same node; returns (chain, authority). Raises BadRequest,
    UpstreamFailed."""
    async with open_channel(address, credentials) as channel:
        stub = FleetStub(channel)  # type: ignore[no-untyped-call]  # generated without types
        return await _answer(stub.Renew, pb.RenewRequest(request=request), address, credentials.authority)


async def _answer(call: Any, message: Any, address: str, authority: bytes) -> tuple[bytes, bytes]:
    """Call and return (chain, authority); the authority is the trusted one, whatever the reply says."""
    try:
        found = await call(message, timeout=TIMEOUT_SECONDS)
    except grpc.aio.AioRpcError as error:
        if error.code() in _REFUSED:
            raise BadRequest(403, "control-refused", error.details() or "") from None
        why = f"control at {address}: {describe_error(error)}"
        raise UpstreamFailed(UpstreamReason.CONTROL_UNREACHABLE, retry=True, detail=why) from None
    return found.chain, authority


def _presented_certificates(address: str) -> list[x509.Certificate]:
    """The certificates that a TLS server presents; they are not trusted, and nothing is sent."""
    place = parse_address(address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection((place.host, place.port), TIMEOUT_SECONDS) as plain,
        context.wrap_socket(plain) as connection,
    ):
        if hasattr(connection, "get_unverified_chain"):  # public since Python 3.13
            ders = connection.get_unverified_chain()
        else:
            inner = connection._sslobj  # type: ignore[attr-defined]  # what the public method calls
            ders = [one.public_bytes(_DER) for one in inner.get_unverified_chain() or ()]
        return [x509.load_der_x509_certificate(der) for der in ders[:8]]
