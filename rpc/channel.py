"""How Matinee's programs open gRPC channels and servers: limits and keepalive in one place."""

from __future__ import annotations

import grpc
import grpc.aio

from rpc.border import MESSAGE_BYTES

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


def open_channel(address: str) -> grpc.aio.Channel:
    """A channel to `HOST:PORT`; nothing is connected yet."""
    return grpc.aio.insecure_channel(address, options=CLIENT)


def reason(error: grpc.aio.AioRpcError) -> str:
    """One line for a log: the status and what the peer or the library said, without addresses of memory."""
    details = " ".join((error.details() or "").split())
    return f"{error.code().name.lower().replace('_', ' ')}: {details[:300]}" if details else error.code().name.lower()
