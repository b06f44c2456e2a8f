"""Is this response right? Head first, then every byte as it comes. Pure: the model says what may be served."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from kernel.http.dates import parse_date
from tests.soak.model import SLACK, WAKE, Answer, Model
from tests.soak.things import PIECE, Thing, body_bytes, whose
from tests.soak.wire import Head

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_MOST_KEPT = 4 << 20
SLICED = 1 << 20
"""Bytes from which an object may be fetched in parts."""
LAST_MODIFIED_BASE = 1_000_000_000
"""Version n was modified n seconds after this moment (wall)."""

Range = tuple[int | None, int | None]
"""First and last byte as asked: (5, 9), (5, None), (None, 9) for the last nine."""


class Wrong(Exception):
    """What was delivered must not have been."""


@dataclass(slots=True)
class Ask:
    """One request. `tongue`: the alternate that it must get; `sent`: when (soak's seconds)."""

    name: str
    who: str
    method: str = "GET"
    fields: dict[str, str] = field(default_factory=dict)
    ranges: tuple[Range, ...] = ()
    tongue: str = ""
    minor: int = 1
    sent: float = 0.0

    def __str__(self) -> str:
        return f"{self.method} {self.name} {self.fields} by {self.who}"


def resolve(ranges: tuple[Range, ...], length: int) -> list[tuple[int, int]]:
    """Asked ranges as (first, stop) of a body of `length` bytes, less those beyond it (RFC 9110 §14.1.2)."""
    found = []
    for first, last in ranges:
        if first is None:
            first, last = max(0, length - (last or 0)), length - 1 if last else -1
        stop = length if last is None else min(last + 1, length)
        if first < stop:
            found.append((first, stop))
    return found


class Checker:
    """Checks one response. `count`: what was seen, by name, for the summary."""

    def __init__(self, model: Model, ask: Ask, count: Counter[str]) -> None:
        self.model = model
        self.ask = ask
        self.count = count
        self.thing: Thing = model.things[ask.name]
        self.status = 0
        self.label = self._tongue = ""
        self._offset = 0
        self._left: int | None = None
        self._parts = b""
        self._multipart: list[tuple[int, int]] = []
        self._framed = True
        self._boundary = ""
        self._length = 0
        self._headed = 0.0

    # -- the head ----------------------------------------------------------------------------------------------

    def head(self, head: Head, headed: float, wall: float) -> None:
        """Wrong when it cannot be right."""
        self.status, self._headed = head.status, headed
        self._framed = head.get("content-length") is not None or head.get("transfer-encoding") is not None
        self.count[f"status {head.status}"] += 1
        date = head.get("date")
        moment = parse_date(date.encode()) if date is not None else None
        if moment is None or moment > wall + 2:
            raise Wrong(f"Date {date!r}")
        if head.get("cache-status") is None:
            raise Wrong("no Cache-Status")
        self._count_outcome(head)
        told = head.get("x-serial")
        if head.status == 304:
            self._not_modified(head)
        elif told is None:
            self._of_the_edge(head)
        else:
            answer = self.model.answers.get(int(told))
            if answer is None:
                raise Wrong(f"X-Serial {told} that no origin gave")
            self._of_the_origin(head, answer)

    def _count_outcome(self, head: Head) -> None:
        own = (head.get("cache-status") or "").rpartition(",")[2]
        for word in ("hit", "collapsed", "fwd=uri-miss", "fwd=stale", "fwd=bypass", "fwd=partial", "fwd=vary-miss"):
            if word in own:
                self.count[word] += 1

    def _of_the_edge(self, head: Head) -> None:
        """An answer of the edge's own: 416, or an error that a fault explains."""
        self._left = None
        if head.status == 416 and self.ask.ranges:
            found = re.fullmatch(r"bytes \*/(\d+)", head.get("content-range") or "")
            if found is None or resolve(self.ask.ranges, int(found[1])):
                raise Wrong(f"416 with Content-Range {head.get('content-range')!r} for {self.ask.ranges}")
            self._allowed_length(int(found[1]))
        elif head.status not in (502, 503, 504) and "detail=status-500" not in (head.get("cache-status") or ""):
            raise Wrong(f"{head.status} of the edge's own")
        elif not self.model.troubled(self.ask.name, self.ask.sent, self._headed):
            raise Wrong(f"{head.status} without a fault: {head.get('cache-status')}")

    def _allowed_length(self, length: int) -> None:
        labels = {a.label for a in self.model.answers.values() if a.name == self.ask.name and a.length == length}
        whys = [self._may(label) for label in labels]
        if "" not in whys:
            raise Wrong(f"416 with a length {length} that it has not: {whys}")

    def _may(self, label: str) -> str:
        return self.model.may_serve(self.ask.name, self.ask.tongue, label, self.ask.sent, self._headed)

    def _not_modified(self, head: Head) -> None:
        asked = self.ask.fields
        tag, modified = head.get("etag"), head.get("last-modified")
        if "If-None-Match" in asked:
            listed = [one.strip().removeprefix("W/") for one in asked["If-None-Match"].split(",")]
            if tag is None or (tag.removeprefix("W/") not in listed and listed != ["*"]):
                raise Wrong(f"304 with ETag {tag} to If-None-Match {asked['If-None-Match']}")
            self.label = tag.removeprefix("W/").strip('"')
        elif "If-Modified-Since" in asked and self.thing.last_modified:
            moment = parse_date((modified or "").encode())
            if moment is None or moment > (parse_date(asked["If-Modified-Since"].encode()) or 0.0):
                raise Wrong(f"304 with Last-Modified {modified} to {asked['If-Modified-Since']}")
            self.label = f"v{int(moment) - LAST_MODIFIED_BASE}"
        else:
            raise Wrong("304 to a request without a condition that it can be for")
        if why := self._may(self.label):
            raise Wrong(f"304 for {self.label}: {why}")

    def _of_the_origin(self, head: Head, answer: Answer) -> None:
        ask, thing = self.ask, self.thing
        self.label, self._tongue = answer.label, answer.tongue
        if ask.method == "POST" and answer.label[0] != "p":
            raise Wrong(f"a POST was answered by answer {answer.serial}, to a GET")
        if answer.name != ask.name or (answer.label[0] in "vs" and answer.tongue != ask.tongue):
            raise Wrong(f"answer {answer.serial} is of {answer.name} {answer.tongue!r}, wanted {ask.tongue!r}")
        why = self.model.may_serve(
            ask.name, answer.tongue, answer.label, ask.sent, self._headed
        ) or self.model.outdated(answer, thing, ask.sent)
        if why:
            raise Wrong(f"{answer.label} served: {why}")
        whole = thing.status(int(answer.label[1:])) if answer.label[0] == "v" else answer.status
        if whole == 206:
            whole = 200
        self._length = answer.length
        if answer.label[0] in "vs" and whole == 200 and head.get("etag") != thing.tag(answer.label):
            raise Wrong(f"ETag {head.get('etag')} of {answer.label}")
        if head.status >= 500 and not self.model.troubled(ask.name, ask.sent, self._headed):
            raise Wrong(f"{head.status} of the origin's without a fault")
        if head.status not in (whole, 206, 416):
            raise Wrong(f"{head.status} for a {whole} of the origin's")
        self._selected(head, whole)
        if not answer.shared and ask.method != "HEAD":
            other = self.model.delivered.setdefault(answer.serial, ask.who)
            if other != ask.who:
                raise Wrong(f"answer {answer.serial}, for one viewer alone, went to {other} and to {ask.who}")
        self._aged(head, answer)

    def _selected(self, head: Head, whole: int) -> None:
        """Which bytes: the whole, one range, several."""
        length, told = self._length, head.get("content-length")
        stop = length
        if head.status == 206:
            if not self.ask.ranges or whole != 200:
                raise Wrong("206 that nobody asked for")
            if not self._range_holds():
                raise Wrong(f"206 though If-Range {self.ask.fields['If-Range']} does not hold for {self.label}")
            wanted = resolve(self.ask.ranges, length)
            kind = re.fullmatch(r'multipart/byteranges; ?boundary="?([\w-]+)"?', head.get("content-type") or "")
            if kind is not None:
                self._multipart, self._boundary, self._left = wanted, kind[1], None
                return
            found = _CONTENT_RANGE.fullmatch(head.get("content-range") or "")
            if found is None or [(int(found[1]), int(found[2]) + 1)] != wanted or int(found[3]) != length:
                raise Wrong(f"Content-Range {head.get('content-range')}, wanted {wanted} of {length}")
            self._offset, stop = wanted[0]
        elif head.status == 416:
            self._left = None
            return
        elif self.ask.ranges and whole == 200 and resolve(self.ask.ranges, length):
            self.count["range answered by the whole"] += 1
        self._left = stop - self._offset
        if told is not None and int(told) != self._left:
            raise Wrong(f"Content-Length {told} for {self._left} bytes of {self.label}")

    def _range_holds(self) -> bool:
        condition = self.ask.fields.get("If-Range")
        return condition is None or condition[0] not in '"W' or condition == self.thing.tag(self.label)

    def _aged(self, head: Head, answer: Answer) -> None:
        """Age, where it is told, is the answer's; what has been kept for a while tells it (RFC 9111 §5.1)."""
        told, thing = head.get("age"), self.thing
        rounding = SLACK * self.model.hops + 0.5
        youngest = self.ask.sent - self.model.latest(answer, self._headed) + thing.age - rounding
        oldest = self._headed - answer.arrived + thing.age + rounding + 1
        if any(purge.reaches(thing) for purge in self.model.softened):
            oldest += max(
                thing.life, thing.fresh_for(0, general=self.model.general)
            )  # what a soft purge made stale is as old as it may get
        if told is None and self.ask.sent > answer.ended + WAKE + rounding:
            raise Wrong(f"no Age, {self.ask.sent - answer.headed:.1f} s after answer {answer.serial}")
        if told is not None and not (re.fullmatch(r"\d+", told) and youngest <= int(told) <= oldest):
            raise Wrong(f"Age {told}, should be {youngest:.1f} to {oldest:.1f}")

    # -- the body ----------------------------------------------------------------------------------------------

    def body(self, piece: bytes) -> None:
        """The next bytes of the body."""
        if self._left is None:
            self._parts += piece
            if len(self._parts) > _MOST_KEPT * 8:
                raise Wrong("a body without end")
            return
        if len(piece) > self._left:
            raise Wrong(f"{len(piece) - self._left} bytes too many: {piece[self._left : self._left + 60]!r}")
        self._compare(piece, self._offset)
        self._offset += len(piece)
        self._left -= len(piece)

    def _compare(self, piece: bytes, offset: int) -> None:
        ask = self.ask
        self.count["bytes checked"] += len(piece)
        for at in range(0, len(piece), PIECE):
            part = piece[at : at + PIECE]
            right = body_bytes(ask.name, self._tongue, self.label, offset + at, len(part))
            if part != right:
                bad = next(i for i, (a, b) in enumerate(zip(part, right, strict=True)) if a != b)
                where = offset + at + bad
                candidates = list({(a.name, a.tongue, a.label) for a in self.model.answers.values()})
                raise Wrong(f"byte {where} of {self.label} is wrong: {whose(part[bad:], where, candidates)}")

    def end(self, now: float) -> None:
        """The body is whole, by its framing; where only the end of the connection ends it, it may be cut."""
        if self._multipart:
            self._check_parts()
        elif self._left and not self._framed and self.ask.minor == 0:
            self.cut(now, "the connection ended")
        elif self._left and self.ask.method != "HEAD" and self.status not in (204, 304):
            raise Wrong(f"passed off as whole, {self._left} bytes of {self.label} missing")

    def _check_parts(self) -> None:
        """A multipart/byteranges body, part by part (RFC 9110 §14.6)."""
        rest, got = self._parts, []
        mark = b"--" + self._boundary.encode()
        while not rest.removeprefix(b"\r\n").startswith(mark + b"--"):
            heading, found, rest = rest.partition(b"\r\n\r\n")
            lines = heading.removeprefix(b"\r\n").split(b"\r\n")
            values = [line.partition(b":")[2].strip() for line in lines if line.lower().startswith(b"content-range:")]
            told = _CONTENT_RANGE.fullmatch(values[0].decode()) if len(values) == 1 else None
            if not found or lines[0] != mark or told is None or int(told[3]) != self._length:
                raise Wrong(f"part {len(got)} is headed {heading[:200]!r}")
            first, stop = int(told[1]), int(told[2]) + 1
            if len(rest) < stop - first:
                raise Wrong(f"part {len(got)} is too short")
            self._compare(rest[: stop - first], first)
            got.append((first, stop))
            rest = rest[stop - first :]
        if got != self._multipart:
            raise Wrong(f"the parts {got}, wanted {self._multipart}")

    def cut(self, now: float, why: str) -> None:
        """The connection broke off before the end: only a fault makes that right."""
        self.count["cut"] += 1
        changed = any(when >= self.ask.sent - SLACK for when, _ in self.model.versions.get(self.ask.name, ()))
        outdated = self.label not in ("", f"v{self.model.version(self.ask.name)}")
        if (changed or outdated) and self._length > SLICED:
            return  # the parts that are still missing are gone with their version: to cut is honest
        if not self.model.troubled(self.ask.name, self.ask.sent, now):
            raise Wrong(f"cut without a fault, {self._left} bytes of {self.label or 'the head'} missing: {why}")
