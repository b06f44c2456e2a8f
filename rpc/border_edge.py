"""The border, for what edges say: protobuf messages become kernel dataclasses here, and go no further."""

from __future__ import annotations

from kernel.fleet import Ack, Applied, FromEdge, Hello, Known, Nack, Popular, Prefetched, Receipt, Report
from rpc.border import MAX_KNOWN, MAX_TEXT, BorderError, text_of, version_of, wire_of
from rpc.v1 import control_pb2 as pb

MAX_POPULAR = 2_000
"""Renditions, and titles with prefetches, in one report."""
_COUNTS = (
    "seconds", "requests", "hits", "errors", "bytes_sent", "bytes_filled", "connections", "loop_delay", "slow",
    "ram_bytes", "disk_bytes", "ready", "draining",
)  # fmt: skip


def edge_to_wire(message: FromEdge) -> pb.FromEdge:
    """The wire form of what an edge says."""
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
                    error=message.error[:MAX_TEXT],
                    resync=message.resync,
                )
            )
        case Applied():
            return pb.FromEdge(
                applied=pb.Applied(
                    resource=message.resource, version=wire_of(message.version), status=message.status[:MAX_TEXT]
                )
            )
        case Receipt():
            return pb.FromEdge(
                receipt=pb.Receipt(
                    job=wire_of(message.job), count=message.count, bytes=message.bytes, status=message.status[:MAX_TEXT]
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
    for popular in report.popular[:MAX_POPULAR]:
        made.popular.add(
            content_id=popular.content_id,
            rendition=popular.rendition,
            bytes=popular.bytes,
            requests=popular.requests,
            size=popular.size,
        )
    for row in report.prefetched[:MAX_POPULAR]:
        made.prefetched.add(
            content_id=row.content_id, cause=row.cause, useful=row.useful, late=row.late, wasted=row.wasted
        )
    return made


def edge_from_wire(message: pb.FromEdge) -> FromEdge:
    """What an edge says, of its wire form. Raises BorderError."""
    match message.WhichOneof("body"):
        case "hello":
            return _hello(message.hello)
        case "ack":
            ack = message.ack
            return Ack(text_of(ack.type), version_of(ack.version), text_of(ack.nonce))
        case "nack":
            nack = message.nack
            return Nack(
                text_of(nack.type), version_of(nack.version), text_of(nack.nonce), text_of(nack.error), nack.resync
            )
        case "applied":
            applied = message.applied
            return Applied(text_of(applied.resource), version_of(applied.version), text_of(applied.status))
        case "receipt":
            receipt = message.receipt
            return Receipt(version_of(receipt.job), receipt.count, receipt.bytes, text_of(receipt.status))
        case "report":
            return _report(message.report)
        case _:
            raise BorderError("a message of a kind this release does not know")


def _hello(hello: pb.Hello) -> Hello:
    if len(hello.known) > MAX_KNOWN:
        raise BorderError(f"a hello with {len(hello.known)} types")
    known = tuple(Known(text_of(held.type), version_of(held.version), version_of(held.refused)) for held in hello.known)
    return Hello(
        id=text_of(hello.id),
        role=text_of(hello.role),
        region=text_of(hello.region),
        address=text_of(hello.address),
        admin=text_of(hello.admin),
        known=known,
        pop=text_of(hello.pop),
        capacity=hello.capacity,
        release=text_of(hello.release),
        mark=version_of(hello.mark),
    )


def _report(report: pb.Report) -> Report:
    if len(report.popular) > MAX_POPULAR or len(report.prefetched) > MAX_POPULAR:
        raise BorderError(f"a report with more than {MAX_POPULAR} rows")
    popular = tuple(
        Popular(text_of(row.content_id), text_of(row.rendition), row.bytes, row.requests, row.size)
        for row in report.popular
    )
    prefetched = tuple(
        Prefetched(text_of(row.content_id), text_of(row.cause), row.useful, row.late, row.wasted)
        for row in report.prefetched
    )
    counts = {name: getattr(report, name) for name in _COUNTS}
    return Report(**counts, popular=popular, prefetched=prefetched)
