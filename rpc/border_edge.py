"""Converts the messages of edges from protobuf to kernel dataclasses and back."""

from __future__ import annotations

from typing import Any

from kernel.fleet.messages import Ack, Applied, FromEdge, Hello, Known, Nack, Popular, Prefetched, Receipt, Report
from kernel.vocabulary import is_content_id
from rpc.border import version_of, wire_of
from rpc.bounds import (
    MAX_SECONDS,
    MAX_TEXT,
    MAX_WORD,
    BorderError,
    check_length,
    content_id_of,
    finite_of,
    is_rendition,
    printable_of,
    regions_of,
    rendition_of,
    text_of,
    whole_of,
    word_of,
)
from rpc.v1 import control_pb2 as pb

MAX_KNOWN = 64
MAX_POPULAR = 2_000
"""Renditions, and titles with prefetches, in one report."""
MAX_ADDRESS = 300
_SECONDS = ("seconds", "loop_delay", "slow")
_COUNTS = (
    "seconds", "requests", "hits", "errors", "bytes_sent", "bytes_filled", "connections", "loop_delay", "slow",
    "ram_bytes", "disk_bytes", "ready", "draining",
)  # fmt: skip


def edge_to_wire(message: FromEdge) -> pb.FromEdge:
    """The wire message of a message from an edge."""
    match message:
        case Hello():
            return pb.FromEdge(hello=_hello_to_wire(message))
        case Ack():
            return pb.FromEdge(ack=pb.Ack(type=message.type, version=wire_of(message.version), nonce=message.nonce))
        case Nack():
            return pb.FromEdge(
                nack=pb.Nack(
                    type=message.type,
                    version=wire_of(message.version),
                    nonce=message.nonce,
                    error=_cut(message.error),
                    resync=message.resync,
                )
            )
        case Applied():
            return pb.FromEdge(
                applied=pb.Applied(
                    resource=message.resource, version=wire_of(message.version), status=_cut(message.status)
                )
            )
        case Receipt():
            return pb.FromEdge(
                receipt=pb.Receipt(
                    job=wire_of(message.job), count=message.count, bytes=message.bytes, status=_cut(message.status)
                )
            )
        case Report():
            return pb.FromEdge(report=_report_to_wire(message))


def _hello_to_wire(hello: Hello) -> pb.Hello:
    known = [
        pb.Known(type=held.type, version=wire_of(held.version), refused=wire_of(held.refused)) for held in hello.known
    ]
    return pb.Hello(
        id=hello.id,
        role=hello.role,
        region=hello.region,
        address=hello.address,
        admin=hello.admin,
        known=known,
        pop=hello.pop,
        capacity=hello.capacity,
        release=hello.release,
        mark=wire_of(hello.mark),
    )


def _report_to_wire(report: Report) -> pb.Report:
    made = pb.Report(**{name: getattr(report, name) for name in _COUNTS})
    for popular in [row for row in report.popular if _is_ours(row)][:MAX_POPULAR]:
        made.popular.add(
            content_id=popular.content_id,
            rendition=popular.rendition,
            bytes=popular.bytes,
            requests=popular.requests,
            size=popular.size,
        )
    for row in [row for row in report.prefetched if is_content_id(row.content_id)][:MAX_POPULAR]:
        made.prefetched.add(
            content_id=row.content_id, cause=row.cause, useful=row.useful, late=row.late, wasted=row.wasted
        )
    return made


def _cut(text: str) -> str:
    """A text that passes the checks of the receiver."""
    return text.replace("\0", "")[:MAX_TEXT]


def _is_ours(row: Popular) -> bool:
    """Whether a row is of a title: in the general profile folders may be of any host and path, and are not reported."""
    return is_content_id(row.content_id) and is_rendition(row.rendition)


def edge_from_wire(message: pb.FromEdge) -> FromEdge:
    """Parse a message from an edge. Raises BorderError."""
    match message.WhichOneof("body"):
        case "hello":
            return _hello(message.hello)
        case "ack":
            ack = message.ack
            return Ack(word_of(ack.type, "a type"), version_of(ack.version), word_of(ack.nonce, "a nonce"))
        case "nack":
            nack = message.nack
            return Nack(
                word_of(nack.type, "a type"),
                version_of(nack.version),
                word_of(nack.nonce, "a nonce"),
                text_of(nack.error, "an error"),
                nack.resync,
            )
        case "applied":
            applied = message.applied
            status = text_of(applied.status, "a status")
            return Applied(printable_of(applied.resource, "a resource"), version_of(applied.version), status)
        case "receipt":
            receipt = message.receipt
            count, size = whole_of(receipt.count, "a receipt's count"), whole_of(receipt.bytes, "a receipt's bytes")
            return Receipt(version_of(receipt.job), count, size, text_of(receipt.status, "a status"))
        case "report":
            return _report(message.report)
        case _:
            raise BorderError("a message of a kind this release does not know")


def _hello(hello: pb.Hello) -> Hello:
    check_length(hello.known, "types in a hello", MAX_KNOWN)
    known = tuple(
        Known(word_of(held.type, "a type"), version_of(held.version), version_of(held.refused)) for held in hello.known
    )
    return Hello(
        id=text_of(hello.id, "id"),
        role=text_of(hello.role, "role"),
        region=regions_of(hello.region),
        address=printable_of(hello.address, "address", MAX_ADDRESS),
        admin=printable_of(hello.admin, "admin", MAX_ADDRESS),
        known=known,
        pop=printable_of(hello.pop, "pop", MAX_WORD),
        capacity=whole_of(hello.capacity, "capacity"),
        release=printable_of(hello.release, "release", MAX_WORD),
        mark=version_of(hello.mark),
    )


def _report(report: pb.Report) -> Report:
    check_length(report.popular, "popular renditions in a report", MAX_POPULAR)
    check_length(report.prefetched, "rows of prefetches in a report", MAX_POPULAR)
    popular = tuple(
        Popular(
            content_id_of(row.content_id, "popular.contentId"),
            rendition_of(row.rendition, "popular.rendition"),
            finite_of(row.bytes, "popular.bytes"),
            finite_of(row.requests, "popular.requests"),
            whole_of(row.size, "popular.size"),
        )
        for row in report.popular
    )
    prefetched = tuple(
        Prefetched(
            content_id_of(row.content_id, "prefetched.contentId"),
            word_of(row.cause, "prefetched.cause"),
            whole_of(row.useful, "prefetched.useful"),
            whole_of(row.late, "prefetched.late"),
            whole_of(row.wasted, "prefetched.wasted"),
        )
        for row in report.prefetched
    )
    counts = {name: _count(getattr(report, name), name) for name in _COUNTS}
    return Report(**counts, popular=popular, prefetched=prefetched)


def _count(value: float, name: str) -> Any:
    if isinstance(value, bool):
        return value
    if name in _SECONDS:
        return finite_of(value, name, MAX_SECONDS)
    return whole_of(int(value), name)
