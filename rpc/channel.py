"""How Matinee's programs open gRPC channels and servers: limits and keepalive in one place."""

from __future__ import annotations

import grpc
import grpc.aio

from kernel.fleet.identity import CONTROL_NAME
from rpc.border import MESSAGE_BYTES
from rpc.identity_file import Credentials

_SIZES = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
)
CLIENT = (
    *_SIZES,
    ("grpc.enable_http_proxy", 0),  # a proxy of the environment is for the web, not for the fleet
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.use_local_subchannel_pool", 1),  # a new channel is a new connection, not one that is backing off
)
SERVER = (
    *_SIZES,
    ("grpc.so_reuseport", 0),  # a second control on the port is a mistake, not a share of the load
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),  # the default, 300 s, hangs up on our pings
    ("grpc.http2.max_ping_strikes", 3),
)


def open_channel(
    address: str, credentials: Credentials | None = None, *, authority: bytes | None = None
) -> grpc.aio.Channel:
    """A channel to `HOST:PORT`; nothing is connected yet.

    With `credentials` over mTLS, with an `authority` (PEM) alone over TLS; else in plain text. The peer must be a
    control of that authority: its certificate is held to the name that only control's have, not to the address.
    """
    if credentials is None and authority is None:
        return grpc.aio.insecure_channel(address, options=CLIENT)
    if credentials is None:
        secure = grpc.ssl_channel_credentials(authority)
    else:
        secure = grpc.ssl_channel_credentials(credentials.authority, credentials.key, credentials.chain)
    return grpc.aio.secure_channel(address, secure, options=(*CLIENT, ("grpc.ssl_target_name_override", CONTROL_NAME)))


def reason(error: grpc.aio.AioRpcError) -> str:
    """One line for a log: the status and what the peer or the library said, without addresses of memory."""
    details = " ".join((error.details() or "").split())
    return f"{error.code().name.lower().replace('_', ' ')}: {details[:300]}" if details else error.code().name.lower()
