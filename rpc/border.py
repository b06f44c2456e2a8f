"""The border: protobuf messages become kernel dataclasses here, and go no further.

Big updates travel in parts of at most `PART` resources and about `PART_BYTES`; `Joiner` puts them together again,
within bounds. What cannot be understood is a `BorderError`: the peer speaks something else.
"""

from __future__ import annotations

from collections.abc import Iterator

from kernel.fleet.messages import NOTHING, FromControl, Job, Jobs, Resource, Update, Version
from rpc.bounds import BorderError, few, line_of, whole_of, word_of
from rpc.v1 import control_pb2 as pb

PART = 2_000
PART_BYTES = 1 << 20
MAX_RESOURCES = 2_000_000
MAX_UPDATE_BYTES = 2 << 30
MAX_SIGNATURE = 1_024
MAX_JOBS = 1_000

MESSAGE_BYTES = 8 << 20
"""The largest message either side takes; parts stay far below it."""


def control_to_wire(message: FromControl) -> Iterator[pb.FromControl]:
    """The wire forms of what control says: one, or parts that follow one another."""
    if isinstance(message, Jobs):
        jobs = pb.Jobs(epoch=message.epoch, floor=message.floor, head=message.head)
        for job in message.entries:
            jobs.entries.add(seq=job.seq, kind=job.kind, content=job.content)
        yield pb.FromControl(jobs=jobs)
    else:
        yield from update_to_wire(message)


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
        self._bytes = 0

    def take(self, message: pb.FromControl) -> FromControl | None:
        """What this message says, or completes; None while more parts are to come. Raises BorderError."""
        kind = message.WhichOneof("body")
        if kind == "jobs":
            return _jobs(message.jobs)
        if kind != "update":
            raise BorderError("a message of a kind this release does not know")
        part = message.update
        head = _head_of(part)
        if self._head is not None and self._head != head:
            raise BorderError(f"a part of {head.nonce!r} among the parts of {self._head.nonce!r}")
        for item in part.resources:
            self._bytes += len(item.content) + len(item.name)
            number = whole_of(item.number, "a resource's number")
            self._resources.append(Resource(line_of(item.name, "a resource's name"), number, item.content))
        self._removed.extend(line_of(name, "a removed resource's name") for name in part.removed)
        if len(self._resources) + len(self._removed) > MAX_RESOURCES:
            raise BorderError(f"an update of more than {MAX_RESOURCES} resources")
        if self._bytes > MAX_UPDATE_BYTES:
            raise BorderError(f"an update of more than {MAX_UPDATE_BYTES} bytes")
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
            signature=head.signature,
        )
        self._head, self._resources, self._removed, self._bytes = None, [], [], 0
        return whole


def _head(update: Update) -> pb.Update:
    return pb.Update(
        type=update.type,
        version=wire_of(update.version),
        base=update.base,
        nonce=update.nonce,
        snapshot=update.snapshot,
        signature=update.signature,
    )


def _head_of(part: pb.Update) -> Update:
    if len(part.signature) > MAX_SIGNATURE:
        raise BorderError(f"a signature of {len(part.signature)} bytes")
    return Update(
        type=word_of(part.type, "a type"),
        version=version_of(part.version),
        nonce=word_of(part.nonce, "a nonce"),
        snapshot=part.snapshot,
        base=whole_of(part.base, "the base of a delta"),
        signature=part.signature,
    )


def _jobs(jobs: pb.Jobs) -> Jobs:
    few(jobs.entries, "jobs at once", MAX_JOBS)
    entries = tuple(
        Job(whole_of(job.seq, "a job's number"), word_of(job.kind, "a job's kind"), job.content) for job in jobs.entries
    )
    floor, head = whole_of(jobs.floor, "the log's floor"), whole_of(jobs.head, "the log's head")
    return Jobs(word_of(jobs.epoch, "an epoch"), floor, head, entries)


def _wrapped(part: pb.Update, *, more: bool) -> pb.FromControl:
    part.more = more
    return pb.FromControl(update=part)


def wire_of(version: Version) -> pb.Version | None:
    """The wire form of a version."""
    return None if version == NOTHING else pb.Version(epoch=version.epoch, number=version.number)


def version_of(version: pb.Version) -> Version:
    """A version of its wire form. Raises BorderError."""
    return Version(word_of(version.epoch, "an epoch"), whole_of(version.number, "a version's number"))
