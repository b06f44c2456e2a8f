"""Limits and keepalive of gRPC are set in one place."""

from __future__ import annotations

import grpc
import grpc.aio

from rpc.channel import CLIENT, SERVER, describe_error, open_channel


def test_the_server_allows_the_clients_pings() -> None:
    client, server = dict(CLIENT), dict(SERVER)
    assert server["grpc.http2.min_recv_ping_interval_without_data_ms"] < client["grpc.keepalive_time_ms"]
    assert client["grpc.max_receive_message_length"] == server["grpc.max_send_message_length"]
    assert client["grpc.enable_http_proxy"] == 0


def test_an_error_is_told_in_one_line() -> None:
    def error(details: str | None) -> grpc.aio.AioRpcError:
        return grpc.aio.AioRpcError(grpc.StatusCode.NOT_FOUND, grpc.aio.Metadata(), grpc.aio.Metadata(), details)

    assert describe_error(error("a\n b")) == "not found: a b"
    assert describe_error(error(None)) == "not_found"


async def test_a_channel_opens_without_a_peer() -> None:
    await open_channel("127.0.0.1:1").close()
