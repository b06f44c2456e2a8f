"""Whatever stands in a message, the border gives a value within bounds or its own error: nothing else, nothing more."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from hypothesis import given, settings
from hypothesis import strategies as st

from rpc import border_service
from rpc.border import UpdateAssembler
from rpc.border_edge import edge_from_wire
from rpc.bounds import BorderError
from rpc.v1 import control_pb2 as pb

DOUBLES = st.floats(width=64) | st.sampled_from([math.inf, -math.inf, math.nan, -1.0, 1e308, 5e-324])
WHOLES = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1])
TEXTS = st.text(st.characters(codec="utf-8"), max_size=80) | st.sampled_from(
    ["", "../no id", "rules", "e1", "eu", "film", "\0", "a" * 1_025, "127.0.0.1:80", "//evil"]
)
SCALARS = {
    FieldDescriptor.TYPE_DOUBLE: DOUBLES,
    FieldDescriptor.TYPE_UINT64: WHOLES,
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_STRING: TEXTS,
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=80),
}
READ = {
    pb.FromEdge: edge_from_wire,
    pb.FromControl: lambda message: UpdateAssembler().add_part(message),
    pb.RouteRequest: border_service.route_from_wire,
    pb.RouteReply: border_service.routed_from_wire,
    pb.PutSignalsRequest: border_service.signals_from_wire,
    pb.PutTitlesRequest: border_service.titles_from_wire,
    pb.Accepted: border_service.accepted_from_wire,
    pb.StatusReply: border_service.status_from_wire,
}


@st.composite
def messages(draw: st.DrawFn, kind: type[Message]) -> Message:
    """A message of a kind, any of its fields set to anything that the wire can carry."""
    made = kind()
    for field in kind.DESCRIPTOR.fields:
        if not draw(st.booleans()):
            continue
        _fill(draw, made, field)
    return made


def _fill(draw: st.DrawFn, made: Message, field: FieldDescriptor) -> None:
    many = field.is_repeated if hasattr(field, "is_repeated") else field.label == FieldDescriptor.LABEL_REPEATED
    value: Any
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        for name in draw(st.lists(TEXTS, max_size=2)):
            getattr(made, field.name)[name] = draw(WHOLES)
        return
    if field.message_type is not None:
        inner = messages(getattr(pb, field.message_type.name))
        if many:
            getattr(made, field.name).extend(draw(st.lists(inner, max_size=3)))
        else:
            getattr(made, field.name).CopyFrom(draw(inner))
        return
    value = draw(st.lists(SCALARS[field.type], max_size=3)) if many else draw(SCALARS[field.type])
    if many:
        getattr(made, field.name).extend(value)
    else:
        setattr(made, field.name, value)


ANY = st.sampled_from(sorted(READ, key=lambda kind: kind.DESCRIPTOR.name)).flatmap(
    lambda kind: st.tuples(st.just(kind), messages(kind))
)


@settings(max_examples=400, deadline=None)
@given(ANY)
def test_any_message_is_read_within_bounds_or_refused_by_the_border(found) -> None:
    kind, message = found
    try:
        read = READ[kind](kind.FromString(message.SerializeToString()))
    except BorderError:
        return
    if dataclasses.is_dataclass(read):
        _check(dataclasses.asdict(read))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_none(data: bytes) -> None:
    for kind, read in READ.items():
        try:
            read(kind.FromString(data))
        except (BorderError, DecodeError):
            continue


def _check(value: Any) -> None:
    """Every number is finite, not negative and such that a database holds it."""
    if isinstance(value, dict):
        _check(list(value.values()))
    elif isinstance(value, list | tuple | frozenset):
        for one in value:
            _check(one)
    elif isinstance(value, int | float):
        assert math.isfinite(value)
        assert 0 <= value < 2**63
