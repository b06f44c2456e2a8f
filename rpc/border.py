"""Converts protobuf messages to kernel dataclasses and back; protobuf is not used further inside.

Large updates are sent in parts of at most `MAX_PART_RESOURCES` resources and about `MAX_PART_BYTES`; `UpdateAssembler`
joins them within limits. A message that cannot be understood raises `BorderError`.
"""

from __future__ import annotations

from collections.abc import Iterator

from kernel.fleet.messages import NOTHING, FromControl, Job, Jobs, Resource, Update, Version
from rpc.bounds import BorderError, check_length, printable_of, whole_of, word_of
from rpc.v1 import control_pb2 as pb

MAX_PART_RESOURCES = 2_000
MAX_PART_BYTES = 1 << 20
MAX_RESOURCES = 2_000_000
MAX_UPDATE_BYTES = 2 << 30
MAX_SIGNATURE = 1_024
MAX_JOBS = 1_000

MAX_MESSAGE_BYTES = 8 << 20
"""The largest message that either side accepts; parts stay far below it."""


def control_to_wire(message: FromControl) -> Iterator[pb.FromControl]:
    """The wire messages of a message from control: one, or several parts in order."""
    if isinstance(message, Jobs):
        jobs = pb.Jobs(epoch=message.epoch, floor=message.floor, head=message.head)
        for job in message.entries:
            jobs.entries.add(seq=job.seq, kind=job.kind, content=job.content)
        yield pb.FromControl(jobs=jobs)
    else:
        yield from update_to_wire(message)


def update_to_wire(update: Update) -> Iterator[pb.FromControl]:
    """The wire messages of an update: one, or several parts in order."""
    part = _head(update)
    size = 0
    for resource in update.resources:
        if len(part.resources) >= MAX_PART_RESOURCES or size + len(resource.content) > MAX_PART_BYTES:
            yield _wrapped(part, more=True)
            part, size = _head(update), 0
        part.resources.add(name=resource.name, number=resource.number, content=resource.content)
        size += len(resource.content) + len(resource.name)
    removed = update.removed
    while len(part.resources) + len(removed) > MAX_PART_RESOURCES and removed:
        yield _wrapped(part, more=True)
        part = _head(update)
        part.removed.extend(removed[:MAX_PART_RESOURCES])
        removed = removed[MAX_PART_RESOURCES:]
    part.removed.extend(removed)
    yield _wrapped(part, more=False)


class UpdateAssembler:
    """Assembles updates from their parts."""

    def __init__(self) -> None:
        self._head: Update | None = None
        self._resources: list[Resource] = []
        self._removed: list[str] = []
        self._bytes = 0

    def add_part(self, message: pb.FromControl) -> FromControl | None:
        """The message that this part completes, or None while parts are missing. Raises BorderError."""
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
            self._resources.append(Resource(printable_of(item.name, "a resource's name"), number, item.content))
        self._removed.extend(printable_of(name, "a removed resource's name") for name in part.removed)
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
    check_length(jobs.entries, "jobs at once", MAX_JOBS)
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
    """Parse a version. Raises BorderError."""
    return Version(word_of(version.epoch, "an epoch"), whole_of(version.number, "a version's number"))
