"""The head of a request: from its bytes to a Request, or the error in it (RFC 9112 §3, §5; RFC 9110 §5). Pure.

The patterns are the grammar and nothing beyond it: what two programs could read in two ways is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from edge.wire.request import Malformed, Request
from edge.wire.upload import BodyBudget
from kernel.http.authority import normal_authority
from kernel.http.field_names import named_by

MAX_METHOD_BYTES = 64
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
# RFC 3986 forbids ^ ` { | } in a URI, but browsers send them: they are passed on.
_TARGET = rb"[^\x00-\x20\"#<>\\\x7f-\xff]"
_WHOLE_TARGET = re.compile(_TARGET + b"++")
_REQUEST_LINE = re.compile(b"(" + _TOKEN + b"{1,64}+) (" + _TARGET + rb"++) HTTP/([0-9])\.([0-9])\r\n")
_LINE_SO_FAR = re.compile(_TOKEN + b"*+(?: (?:" + _TARGET + rb"++(?: [HTP/0-9.]{0,8}+\r?)?)?)?")
_REST_SO_FAR = re.compile(_TARGET + rb"*+(?: [HTP/0-9.]{0,8}+\r?)?")
_MAX_VERSION_SO_FAR_LENGTH = 10
"""Bytes of ` HTTP/1.1` and a CR."""
_METHOD = re.compile(_TOKEN + b"*+")
_METHOD_AND_TARGET = re.compile(_TOKEN + b"++ (" + _TARGET + b"*+)")
_VALUE = rb"[\t\x20-\x7e\x80-\xff]*+"
_FIELD_LINES = re.compile(b"(?:" + _TOKEN + b"++:" + _VALUE + rb"\r\n)*+")
_FIELD = re.compile(b"(" + _TOKEN + rb"++):[ \t]*+([^\r]*+)\r\n")
_NAME = re.compile(b"(" + _TOKEN + b"{1,64}+):")
_ABSOLUTE = re.compile(rb"http(s?)://([^/?]*+)(.*)", re.IGNORECASE)
_NAMES_NO_FIELD = frozenset((b"keep-alive", b"close", b"Keep-Alive", b"Close"))
"""The usual values of Connection, which name no field."""
_LONE = re.compile(rb"\r(?=[^\n])|\0")
NOT_REPEATABLE = frozenset((b"host", b"content-length", b"transfer-encoding", b"authorization", b"content-type"))
"""Fields that decide too much to be joined."""
CHUNKED = -1
"""Returned by `framing` for a body whose length is known only at its end."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a request, in bytes and fields. `body` 0: no request may have a body; `bodies`: of all requests
    together."""

    target: int = 16 * 1024
    head: int = 48 * 1024
    fields: int = 100
    body: int = 0
    bodies: BodyBudget = field(default_factory=BodyBudget, compare=False)

    @property
    def whole_head(self) -> int:
        """Bytes of request line and fields together."""
        return self.head + self.target


def read_head(block: bytes, limits: Limits) -> Request | Malformed:
    """The request with this head, from the request line to the end of the last field line."""
    line = _REQUEST_LINE.match(block)
    if line is None:
        return line_error(block, limits)
    method, target, major, minor = line.groups()
    if len(target) > limits.target:
        return Malformed(414, "target-too-long")
    if major != b"1":
        return Malformed(505, "version")
    if _FIELD_LINES.match(block, line.end()).end() != len(block):  # type: ignore[union-attr]  # matches nothing at least
        return _field_error(block)
    fields: dict[bytes, bytes] = {}
    lines = _FIELD.findall(block, line.end())
    if len(lines) > limits.fields:
        return Malformed(431, "too-many-fields", f"more than {limits.fields}")
    for name, value in lines:
        name, value = name.lower(), value.rstrip(b" \t")
        if name not in fields:
            fields[name] = value
        elif name in NOT_REPEATABLE:
            return Malformed(400, "repeated-field", name.decode())
        else:
            fields[name] += (b"; " if name == b"cookie" else b", ") + value
    # A minor version above ours is read as ours (RFC 9110 §2.5).
    request = Request(method, target, fields, 0 if minor == b"0" else 1, keep_alive=True)
    request.keep_alive = _is_persistent(request)
    connection = fields.get(b"connection")
    if connection is not None and connection not in _NAMES_NO_FIELD:
        for name in named_by(connection):
            fields.pop(name, None)
    return _resolve_target(request) or request


def _is_persistent(request: Request) -> bool:
    """Whether the connection may be used again (RFC 9112 §9.3)."""
    connection = request.fields.get(b"connection")
    if connection is None or connection == b"keep-alive":
        return request.minor == 1 or connection is not None
    options = {option.strip(b" \t") for option in connection.lower().split(b",")}
    return b"close" not in options and (request.minor == 1 or b"keep-alive" in options)


def _resolve_target(request: Request) -> Malformed | None:
    """Check Host and target (RFC 9112 §3.2, §3.3) and bring the target into origin-form; returns the error."""
    host = request.fields.get(b"host")
    if host is None:
        if request.minor:
            return Malformed(400, "host-missing")
    elif (host or request.minor) and not is_authority(host):
        return Malformed(400, "host")
    target = request.target
    if target.startswith(b"/"):
        return None
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is not None:
        host = normal_authority(absolute[2], b"443" if absolute[1] else b"80") if absolute[2].isascii() else None
        if host is None:
            return Malformed(400, "authority")
        request.fields[b"host"] = host  # it overrides Host (§3.2.2)
        rest = absolute[3]
        if not rest:
            request.target = b"*" if request.method == b"OPTIONS" else b"/"  # §3.2.4
        else:
            request.target = rest if rest.startswith(b"/") else b"/" + rest
        return None
    if request.method == b"CONNECT":
        return Malformed(405, "method")
    return None if target == b"*" and request.method == b"OPTIONS" else Malformed(400, "target")


def is_authority(text: bytes) -> bool:
    """Whether this is `host[:port]` of an http URI, without user information (RFC 9110 §4.2, RFC 3986 §3.2)."""
    return text.isascii() and normal_authority(text) is not None


def is_target(text: bytes) -> bool:
    """Whether a request may have this target, as far as its characters go."""
    return _WHOLE_TARGET.fullmatch(text) is not None


def framing(request: Request, limits: Limits) -> int | Malformed:
    """Bytes of the request's body, or CHUNKED: one clear framing (RFC 9112 §6), and a body only where one is allowed.

    Only for a request with Content-Length or Transfer-Encoding; without either there is no body (§6.3).
    """
    fields, method = request.fields, request.method
    length, coding = fields.get(b"content-length"), fields.get(b"transfer-encoding")
    if coding is not None:
        error = _coding_error(coding, request.minor, both=length is not None)
        if error is not None:
            return error
    elif length is None or not length.isdigit() or len(length) > 15:
        return Malformed(400, "content-length")
    expected = CHUNKED if length is None or coding is not None else int(length)
    if expected == 0:
        return 0
    return body_error(method, expected, limits) or expected


def body_error(method: bytes, length: int, limits: Limits) -> Malformed | None:
    """Why a request of this method may have no body of this length (or CHUNKED)."""
    if method == b"TRACE" or (not limits.body and method in (b"GET", b"HEAD", b"OPTIONS")):
        return Malformed(400, "body", f"{method.decode()} has none")
    if not limits.body:
        return Malformed(405, "method")
    if length > limits.body:
        return Malformed(413, "body-too-large")
    return None


def _coding_error(coding: bytes, minor: int, *, both: bool) -> Malformed | None:
    if both:
        return Malformed(400, "transfer-encoding", "besides Content-Length")
    if not minor:
        return Malformed(400, "transfer-encoding", "in HTTP/1.0")
    if coding.lower() == b"chunked":
        return None
    names = [name.strip(b" \t") for name in coding.lower().split(b",")]
    if names[-1] == b"chunked" and names.count(b"chunked") == 1 and all(map(_METHOD.fullmatch, names)) and all(names):
        return Malformed(501, "transfer-encoding", "a coding that is not known here")  # §6.1
    return Malformed(400, "transfer-encoding")


def unmet_expectation(request: Request) -> bool:
    """Whether anything but 100-continue is expected (RFC 9110 §10.1.1)."""
    expect = request.fields[b"expect"].lower()
    return any(member.strip(b" \t") not in (b"", b"100-continue") for member in expect.split(b","))


# -- errors --------------------------------------------------------------------------------------------------------


def error_so_far(data: bytearray, seen: int, limits: Limits, *, in_line: bool = True) -> Malformed | None:
    """The error in a head that is not complete. Its first `seen` bytes were checked before; `in_line`: no line ended in
    them.

    The status is the one that the whole head would get, however its bytes arrive. Each byte is checked a few times at
    most, even if they arrive one by one.
    """
    stop = data.find(b"\n", seen, limits.whole_head)
    if stop < 0 and in_line:
        return _line_error_so_far(data, seen, limits)
    if in_line:
        line = _REQUEST_LINE.match(data)
        if line is None or len(line[2]) > limits.target:
            return line_error(data, limits)
        if line[3] != b"1":
            return Malformed(505, "version")
        begin = stop + 1
    else:
        begin = seen if stop < 0 else data.rfind(b"\n", 0, seen) + 1
    end = data.rfind(b"\n", begin, limits.whole_head) + 1
    if end and _FIELD_LINES.match(data, begin, end).end() != end:  # type: ignore[union-attr]  # see read_head
        return _field_error(bytes(data[:end]))
    if _LONE.search(data, max(end, begin if stop >= 0 else seen - 1), limits.whole_head):
        return Malformed(400, "malformed", "a CR without LF, or a NUL")
    if len(data) >= limits.whole_head:
        line_start = data.rfind(b"\n", 0, limits.whole_head) + 1
        name = _NAME.match(data, line_start)
        return Malformed(431, "head-too-large", f"at {name[1].decode()}" if name else "")
    return None


def _line_error_so_far(data: bytearray, seen: int, limits: Limits) -> Malformed | None:
    """The error in a request line that is not complete."""
    first = data.find(b" ", 0, MAX_METHOD_BYTES + 1)
    at = 0
    if 0 <= first < seen - 1:  # continue in the target, or in the version behind it
        second = data.rfind(b" ", max(first + 1, seen - _MAX_VERSION_SO_FAR_LENGTH), seen)
        at = seen if second < 0 else second
    matches = (_REST_SO_FAR if at else _LINE_SO_FAR).fullmatch(data, at)
    too_long = first < 0 and len(data) > MAX_METHOD_BYTES
    if too_long or not matches or len(data) > limits.target + MAX_METHOD_BYTES + 12:
        return line_error(data, limits)
    found = _METHOD_AND_TARGET.match(data) if len(data) > limits.target else None
    if found is not None and len(found[1]) > limits.target:
        return Malformed(414, "target-too-long")
    return None


def line_error(data: bytes | bytearray, limits: Limits) -> Malformed:
    """The error in a request line."""
    method = _METHOD.match(data)
    if method is not None and len(method[0]) > MAX_METHOD_BYTES:
        return Malformed(501, "method", "too long for one of ours")
    found = _METHOD_AND_TARGET.match(data)
    if found is not None and len(found[1]) > limits.target:
        return Malformed(414, "target-too-long")
    return Malformed(400, "malformed", "the first line is not a request line")


def _field_error(block: bytes) -> Malformed:
    """Which line is not a field line, and why."""
    for number, line in enumerate(block.split(b"\r\n")[1:], 1):
        if not line or not _FIELD_LINES.fullmatch(line + b"\r\n"):
            return Malformed(400, "malformed", f"field line {number} {_describe_field_error(line)}")
    return Malformed(400, "malformed")


def _describe_field_error(line: bytes) -> str:
    name, colon, _ = line.partition(b":")
    if line[:1] in (b" ", b"\t"):
        return "begins with whitespace"
    if not colon:
        return "has no colon"
    if name != name.rstrip(b" \t"):
        return "has whitespace before its colon"
    if not name or not _METHOD.fullmatch(name):
        return "has a name that is no token"
    return "has a control character in its value"
