"""The media profile: whole and partial films, refusals for seconds, an allow-list upstream; as conversations."""

from typing import Any

from tests.scenario import conversation
from tests.scenario.conversation import GONE, SOME, Q, a


def q(*fields: str, **more: Any) -> Q:
    """A question for a segment of the talk's title."""
    return conversation.q(*fields, **({"more": "/v/1.m4s"} | more))


def talk(name: str, answers: list[conversation.A], questions: list[Q]) -> conversation.Talk:
    """A conversation with an edge of the media profile."""
    return conversation.talk(name, answers, questions, profile="media")


CC = "Cache-Control: "
HOUR = CC + "max-age=3600"
SECOND = CC + "max-age=1"
TAG = 'ETag: "a"'
INM = "If-None-Match: "
OLD = "Last-Modified: {-100000}"
TALKS = [
    talk("media hour", [a(HOUR)], [q(got=1), q(got=1)]),
    *[
        talk(f"media status {s}", [a(HOUR, status=s)], [q(got=1, status=s), q(got=1, status=s)])
        for s in (200, 301, 308)
    ],
    *[
        talk(f"media status {s}", [a(HOUR, status=s)] * 2, [q(got=1, status=s), q(got=2, status=s)])
        for s in (203, 204, 302, 307, 400, 403, 500, 503, 599, 299)
    ],
    *[
        talk(
            f"media status {s}",
            [a(HOUR, status=s), a()],
            [q(got=1, status=s), q(wait=1, got=1, status=s), q(wait=2.5, got=2)],
        )
        for s in (404, 410)
    ],
    *[
        talk(
            f"media status {s} silent",
            [a(status=s), a()],
            [q(got=1, status=s), q(wait=1, got=1, status=s), q(wait=2.5, got=2)],
        )
        for s in (404, 410)
    ],
    talk("media 404 no-store", [a(CC + "no-store", status=404), a()], [q(got=1, status=404), q(got=2)]),
    talk("media silent", [a(OLD)] * 2, [q(got=1), q(got=2)]),
    talk("media 301 silent", [a(OLD, status=301)] * 2, [q(got=1, status=301), q(got=2, status=301)]),
    talk("media cookie", [a(HOUR, "Set-Cookie: a=b")] * 2, [q(got=1, lacks="Set-Cookie"), q(got=2)]),
    talk("media query", [a(HOUR)], [q(got=1), q(got=1, more="/v/1.m4s?CMCD=x")]),
    talk("media auth", [a(HOUR)], [q("X-Authorization: x", got=1), q(got=1)]),
    talk("media no-cache of a viewer", [a(HOUR)], [q(got=1), q(CC + "no-cache, max-age=0, no-store", got=1)]),
    talk("media no-store of a viewer keeps", [a(HOUR)], [q(CC + "no-store", got=1), q(got=1)]),
    talk("media only-if-cached", [a(HOUR)], [q(CC + "only-if-cached", status=504, asks=0)]),
    talk("media head", [a(HOUR)], [q(got=1), q(method="HEAD", got=1)]),
    talk("media etag 304", [a(HOUR, TAG)], [q(got=1), q(INM + '"a"', got=1, status=304)]),
    talk(
        "media reval",
        [a(SECOND, TAG), a(HOUR, TAG, status=304)],
        [q(got=1), q(wait=2, got=1, asks=1, sends=INM + '"a"')],
    ),
    talk("media range", [a(HOUR, TAG)], [q(got=1), q("Range: bytes=1-2", asks=0, status=206, content="od")]),
    talk("media cold range small", [a(HOUR, TAG)], [q("Range: bytes=1-2", asks=1, status=206, content="od")]),
    talk(
        "media swr",
        [a(CC + "max-age=1, stale-while-revalidate=60"), a(HOUR)],
        [q(got=1), q(wait=2, got=1, asks=1), q(wait=0.2, got=2)],
    ),
    talk("media sie", [a(CC + "max-age=1, stale-if-error=60"), GONE], [q(got=1), q(wait=2, got=1, asks=SOME)]),
    talk(
        "media 404 replaces stale",
        [a(SECOND), a(status=404)],
        [q(got=1), q(wait=2, got=2, status=404), q(got=2, status=404)],
    ),
    talk("media post", [a()], [q(method="POST", status=405, asks=0, has="Allow: GET, HEAD, OPTIONS")]),
    talk("media options", [a()], [q(method="OPTIONS", status=204, asks=0)]),
    talk("media fat get", [a()], [q(body="x", status=400, asks=0)]),
    talk(
        "media fields",
        [a(HOUR)],
        [
            q(
                "Cookie: a=b",
                "X-Forwarded-Host: e",
                "Accept-Language: de",
                "User-Agent: x",
                got=1,
                keeps=("Cookie", "X-Forwarded-Host", "Accept-Language", "User-Agent", "X-Forwarded-For"),
            )
        ],
    ),
    talk(
        "media vary of what is not sent",
        [a(HOUR, "Vary: User-Agent, Origin")],
        [q("User-Agent: a", got=1), q("User-Agent: b", "Origin: http://x", got=1)],
    ),
    talk("media vary star", [a(HOUR, "Vary: *")] * 2, [q(got=1), q(got=2)]),
    talk(
        "media interim", [a(HOUR, before="HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")], [q(got=1, interim=(103,))]
    ),
    talk(
        "media cdn-cc",
        [a("CDN-Cache-Control: max-age=60", CC + "no-store")],
        [q(got=1), q(got=1, has="CDN-Cache-Control: max-age=60")],
    ),
    talk(
        "media if-match answered here",
        [a(HOUR, TAG)],
        [q('If-Match: "b"', asks=1, status=412, keeps="If-Match"), q(got=1)],
    ),
    talk("media loop", [a()], [q("CDN-Loop: {id}", status=508, asks=0)]),
]
