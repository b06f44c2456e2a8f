"""gRPC channels and servers: their limits and keepalive in one place."""

from __future__ import annotations

import grpc
import grpc.aio

from kernel.fleet.identity import CONTROL_NAME
from rpc.border import MAX_MESSAGE_BYTES
from rpc.identity_file import Credentials

_SIZES = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
)
CLIENT = (
    *_SIZES,
    ("grpc.enable_http_proxy", 0),  # the proxy in the environment is not for the fleet
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.use_local_subchannel_pool", 1),  # a new channel must connect at once, not share a backoff
)
SERVER = (
    *_SIZES,
    ("grpc.so_reuseport", 0),  # a second control on the same port is a mistake
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    (
        "grpc.http2.min_recv_ping_interval_without_data_ms",
        5_000,
    ),  # the default of 300 s would disconnect us for our pings
    ("grpc.http2.max_ping_strikes", 3),
)


def open_channel(
    address: str, credentials: Credentials | None = None, *, authority: bytes | None = None
) -> grpc.aio.Channel:
    """A channel to `HOST:PORT`; it connects on first use.

    With `credentials` it uses mTLS, with `authority` (PEM) only it uses TLS, else plain text. The server must be a
    control node of that authority: its certificate must have the name that only control nodes have, whatever its
    address.
    """
    if credentials is None and authority is None:
        return grpc.aio.insecure_channel(address, options=CLIENT)
    if credentials is None:
        secure = grpc.ssl_channel_credentials(authority)
    else:
        secure = grpc.ssl_channel_credentials(credentials.authority, credentials.key, credentials.chain)
    return grpc.aio.secure_channel(address, secure, options=(*CLIENT, ("grpc.ssl_target_name_override", CONTROL_NAME)))


def describe_error(error: grpc.aio.AioRpcError) -> str:
    """The error in one line for a log: the status and the message, without memory addresses."""
    details = " ".join((error.details() or "").split())
    return f"{error.code().name.lower().replace('_', ' ')}: {details[:300]}" if details else error.code().name.lower()
