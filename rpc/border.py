"""The border: protobuf messages become kernel dataclasses here, and go no further.

Big updates travel in parts of at most `PART` resources and about `PART_BYTES`; `Joiner` puts them together again,
within bounds. What cannot be understood is a `BorderError`: the peer speaks something else.
"""

from __future__ import annotations

from collections.abc import Iterator

from kernel.fleet import NOTHING, Ack, Applied, FromEdge, Hello, Known, Nack, Resource, Update, Version
from rpc.v1 import control_pb2 as pb

PART = 2_000
PART_BYTES = 1 << 20
MAX_RESOURCES = 2_000_000
MAX_TEXT = 1_024
MAX_KNOWN = 64

MESSAGE_BYTES = 8 << 20
"""The largest message either side takes; parts stay far below it."""


class BorderError(ValueError):
    """A message that this release does not understand, or that is out of bounds."""


def edge_to_wire(message: FromEdge) -> pb.FromEdge:
    """The wire form of what an edge says."""
    match message:
        case Hello():
            known = [
                pb.Known(type=held.type, version=_wire(held.version), refused=_wire(held.refused))
                for held in message.known
            ]
            return pb.FromEdge(
                hello=pb.Hello(
                    id=message.id,
                    role=message.role,
                    region=message.region,
                    address=message.address,
                    admin=message.admin,
                    known=known,
                )
            )
        case Ack():
            return pb.FromEdge(ack=pb.Ack(type=message.type, version=_wire(message.version), nonce=message.nonce))
        case Nack():
            return pb.FromEdge(
                nack=pb.Nack(
                    type=message.type,
                    version=_wire(message.version),
                    nonce=message.nonce,
                    error=message.error[:MAX_TEXT],
                    resync=message.resync,
                )
            )
        case Applied():
            return pb.FromEdge(
                applied=pb.Applied(
                    resource=message.resource, version=_wire(message.version), status=message.status[:MAX_TEXT]
                )
            )


def edge_from_wire(message: pb.FromEdge) -> FromEdge:
    """What an edge says, of its wire form. Raises BorderError."""
    match message.WhichOneof("body"):
        case "hello":
            hello = message.hello
            if len(hello.known) > MAX_KNOWN:
                raise BorderError(f"a hello with {len(hello.known)} types")
            known = tuple(
                Known(_text(held.type), _version(held.version), _version(held.refused)) for held in hello.known
            )
            return Hello(
                id=_text(hello.id),
                role=_text(hello.role),
                region=_text(hello.region),
                address=_text(hello.address),
                admin=_text(hello.admin),
                known=known,
            )
        case "ack":
            ack = message.ack
            return Ack(_text(ack.type), _version(ack.version), _text(ack.nonce))
        case "nack":
            nack = message.nack
            return Nack(_text(nack.type), _version(nack.version), _text(nack.nonce), _text(nack.error), nack.resync)
        case "applied":
            applied = message.applied
            return Applied(_text(applied.resource), _version(applied.version), _text(applied.status))
        case _:
            raise BorderError("a message of a kind this release does not know")


def update_to_wire(update: Update) -> Iterator[pb.FromControl]:
    """The wire forms of an update: one, or parts that follow one another."""
    part = _head(update)
    size = 0
    for resource in update.resources:
        if len(part.resources) >= PART or size + len(resource.content) > PART_BYTES:
            yield _wrapped(part, more=True)
            part, size = _head(update), 0
        part.resources.add(name=resource.name, number=resource.number, content=resource.content)
        size += len(resource.content) + len(resource.name)
    removed = update.removed
    while len(part.resources) + len(removed) > PART and removed:
        yield _wrapped(part, more=True)
        part = _head(update)
        part.removed.extend(removed[:PART])
        removed = removed[PART:]
    part.removed.extend(removed)
    yield _wrapped(part, more=False)


class Joiner:
    """Puts the parts of updates together."""

    def __init__(self) -> None:
        self._head: Update | None = None
        self._resources: list[Resource] = []
        self._removed: list[str] = []

    def take(self, message: pb.FromControl) -> Update | None:
        """The update that this message completes; None while more parts are to come. Raises BorderError."""
        if message.WhichOneof("body") != "update":
            raise BorderError("a message of a kind this release does not know")
        part = message.update
        head = Update(
            type=_text(part.type),
            version=_version(part.version),
            nonce=_text(part.nonce),
            snapshot=part.snapshot,
            base=part.base,
        )
        if self._head is not None and self._head != head:
            raise BorderError(f"a part of {head.nonce!r} among the parts of {self._head.nonce!r}")
        self._resources.extend(Resource(item.name, item.number, item.content) for item in part.resources)
        self._removed.extend(part.removed)
        if len(self._resources) + len(self._removed) > MAX_RESOURCES:
            raise BorderError(f"an update of more than {MAX_RESOURCES} resources")
        if part.more:
            self._head = head
            return None
        whole = Update(
            type=head.type,
            version=head.version,
            nonce=head.nonce,
            snapshot=head.snapshot,
            base=head.base,
            resources=tuple(self._resources),
            removed=tuple(self._removed),
        )
        self._head, self._resources, self._removed = None, [], []
        return whole


def _head(update: Update) -> pb.Update:
    return pb.Update(
        type=update.type,
        version=_wire(update.version),
        base=update.base,
        nonce=update.nonce,
        snapshot=update.snapshot,
    )


def _wrapped(part: pb.Update, *, more: bool) -> pb.FromControl:
    part.more = more
    return pb.FromControl(update=part)


def _wire(version: Version) -> pb.Version | None:
    return None if version == NOTHING else pb.Version(epoch=version.epoch, number=version.number)


def _version(version: pb.Version) -> Version:
    return Version(_text(version.epoch), version.number)


def _text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise BorderError(f"a text of {len(text)} characters")
    return text
