"""Reuse of what is stored: Vary, age, staleness, validation, invalidation (RFC 9111 §4; RFC 5861), as conversations."""

from __future__ import annotations

from tests.scenario.conversation import GONE, SOME, a, q, talk

CC = "Cache-Control: "
HOUR = CC + "max-age=3600"
SECOND = CC + "max-age=1"
TAG = 'ETag: "a"'
INM = "If-None-Match: "


def varies(name: str, fields: list[str], asked: list[tuple[tuple[str, ...], int]]):
    """Each request's fields and the number of the answer that it must get; all may be kept."""
    return talk(f"9111-4.1 {name}", [a(HOUR, *fields)] * 4, [q(*request, got=number) for request, number in asked])


VARY = [
    varies("the same value", ["Vary: Foo"], [(("Foo: 1",), 1), (("Foo: 1",), 1)]),
    varies("another value", ["Vary: Foo"], [(("Foo: 1",), 1), (("Foo: 2",), 2)]),
    varies("absent after present", ["Vary: Foo"], [(("Foo: 1",), 1), ((), 2)]),
    varies("absent twice", ["Vary: Foo"], [((), 1), ((), 1)]),
    varies("empty is not absent", ["Vary: Foo"], [((), 1), (("Foo:",), 2)]),
    varies("alternates side by side", ["Vary: Foo"], [(("Foo: 1",), 1), (("Foo: 2",), 2), (("Foo: 1",), 1)]),
    varies("two fields", ["Vary: Foo, Bar"], [(("Foo: 1", "Bar: a"), 1), (("Foo: 1", "Bar: b"), 2)]),
    varies("two lines", ["Vary: Foo", "Vary: Bar"], [(("Foo: 1", "Bar: a"), 1), (("Foo: 1", "Bar: b"), 2)]),
    varies("any case", ["vArY: fOO"], [(("Foo: 1",), 1), (("foO: 2",), 2), (("FOO: 1",), 1)]),
    varies("other fields do not count", ["Vary: Foo"], [(("Foo: 1", "X: 1"), 1), (("Foo: 1", "X: 2"), 1)]),
    varies("blanks around commas", ["Vary: Foo"], [(("Foo: 1, 2",), 1), (("Foo:  1 ,2 ",), 1)]),
    varies("lines are a list", ["Vary: Foo"], [(("Foo: 1", "Foo: 2"), 1), (("Foo: 1, 2",), 1)]),
    varies("order of a list counts", ["Vary: Foo"], [(("Foo: 1, 2",), 1), (("Foo: 2, 1",), 2)]),
    varies("languages in any case", ["Vary: Accept-Language"],
           [(("Accept-Language: en, de",), 1), (("Accept-Language: EN,de",), 1)]),
    varies("star", ["Vary: *"], [((), 1), ((), 2)]),
    varies("star in a list", ["Vary: Foo, *"], [((), 1), ((), 2)]),
    varies("star after empty members", ["Vary: , *"], [((), 1), ((), 2)]),
    varies("star on a line of its own", ["Vary: Foo", "Vary: *"], [((), 1), ((), 2)]),
    varies("empty members", ["Vary: , Foo, ,"], [(("Foo: 1",), 1), (("Foo: 1",), 1)]),
    varies("an empty Vary", ["Vary:"], [(("Foo: 1",), 1), (("Foo: 2",), 1)]),
    talk(
        "9111-4 of several that match the latest",
        [a(HOUR, "Vary: Foo"), a(HOUR, "Vary: Bar", "Date: {-60}"), a(HOUR)],
        [q("Foo: 1", "Bar: 1", got=1), q("Foo: 2", "Bar: 2", got=2), q("Foo: 1", "Bar: 2", got=1)],
    ),
    talk(
        "9111-4.1 a 304 may change Vary",
        [a(SECOND, TAG, "Vary: Foo"), a(HOUR, TAG, "Vary: Foo, Bar", status=304), a(HOUR)],
        [q("Foo: 1", got=1), q("Foo: 1", "Bar: 1", wait=2, got=1, asks=1), q("Foo: 1", "Bar: 2", got=3)],
    ),
]  # fmt: skip

AGE = [
    talk("9111-5.1 Age is generated", [a(HOUR)], [q(got=1, lacks="Age"), q(got=1, wait=2, has="Age: 2")]),
    talk("9111-4.2.3 and counts from what it was", [a(HOUR, "Age: 30")], [q(got=1, has="Age: 30"),
         q(got=1, wait=2, has="Age: 32")]),
    talk("9111-4.2.3 or from Date", [a(HOUR, "Date: {-40}")], [q(got=1), q(got=1, wait=2, has="Age: 42")]),
    talk("9110-6.6.1 Date is left as it is", [a(HOUR, "Date: Thu, 18 Aug 2050 02:01:18 GMT")],
         [q(got=1, has="Date: Thu, 18 Aug 2050 02:01:18 GMT")] * 2),
    talk("9110-6.6.1 where there is none it is made", [a(HOUR, "Date: none")], [q(got=1, has="Date")] * 2),
    talk("9111-4.2 fresh to its end", [a(CC + "max-age=3"), a()], [q(got=1), q(got=1, wait=2), q(got=2, wait=2)]),
]  # fmt: skip

STALE = [
    talk("5861-3 while revalidating", [a(CC + "max-age=1, stale-while-revalidate=60"), a(HOUR)],
         [q(got=1), q(wait=2, got=1, asks=1, has="Cache-Status~ hit; ttl=-1"), q(wait=0.2, got=2)]),
    talk("5861-3 no longer than that", [a(CC + "max-age=1, stale-while-revalidate=1"), a(HOUR)],
         [q(got=1), q(wait=3, got=2)]),
    talk("5861-4 when the upstream is away", [a(CC + "max-age=1, stale-if-error=60"), GONE],
         [q(got=1), q(wait=2, got=1, asks=SOME)]),
    talk("5861-4 no longer than that", [a(CC + "max-age=1, stale-if-error=1"), GONE],
         [q(got=1), q(wait=3, status=502, asks=SOME)]),
    talk("5861-4 a quoted window", [a(CC + 'max-age=1, stale-if-error="60"'), a(status=503)],
         [q(got=1), q(wait=2, got=1, asks=1)]),
    talk("9111-4.2.4 nothing is said of staleness", [a(SECOND), GONE], [q(got=1), q(wait=2, status=502, asks=SOME)]),
    *[talk(f"5861-4 when it says {status}", [a(CC + "max-age=1, stale-if-error=60"), a(status=status)],
           [q(got=1), q(wait=2, got=1, asks=1)]) for status in (500, 502, 503, 504)],
    *[talk(f"5861-4 {status} is no such error", [a(CC + "max-age=1, stale-if-error=60"), a(status=status)],
           [q(got=1), q(wait=2, status=status, got=2)]) for status in (404, 501, 599)],
    *[talk(f"9111-4.2.4 never past {word}", [a(CC + f"{word}, stale-if-error=60, stale-while-revalidate=60"),
         a(status=503)],
           [q(got=1), q(wait=2, status=503, got=2)])
      for word in ("max-age=1, must-revalidate", "max-age=1, proxy-revalidate", "s-maxage=1", "no-cache")],
    talk("9111-5.2.2.2 504 where it must not be used", [a(CC + "max-age=1, must-revalidate, stale-if-error=60"), GONE],
         [q(got=1), q(wait=2, status=504, asks=SOME)]),
]  # fmt: skip

VALIDATION = [
    talk("9111-4.3.1 with the ETag", [a(SECOND, TAG), a(HOUR, TAG, status=304)],
         [q(got=1), q(wait=2, got=1, asks=1, sends='If-None-Match: "a"', has="Cache-Status~ fwd=stale; fwd-status=304"),
          q(got=1)]),
    talk("9111-4.3.1 with a weak one", [a(SECOND, 'ETag: W/"a"'), a(HOUR, 'ETag: W/"a"', status=304)],
         [q(got=1), q(wait=2, got=1, asks=1, sends='If-None-Match: W/"a"'), q(got=1)]),
    talk("9111-4.3.1 with Last-Modified", [a(SECOND, "Last-Modified: Thu, 18 Aug 2016 02:01:18 GMT"),
         a(HOUR, status=304)],
         [q(got=1), q(wait=2, got=1, asks=1, sends="If-Modified-Since: Thu, 18 Aug 2016 02:01:18 GMT"), q(got=1)]),
    talk("9111-5.2.2.4 no-cache is kept for it", [a(CC + "no-cache", TAG), a(CC + "no-cache", TAG, status=304)],
         [q(got=1), q(got=1, asks=1, sends=INM + '"a"'), q(got=1, asks=1)]),
    talk("9111-4.3.3 a new response takes its place", [a(SECOND, TAG), a(HOUR, 'ETag: "b"')],
         [q(got=1), q(wait=2, got=2), q(got=2, has='ETag: "b"')]),
    talk("9111-4.3.3 an error is passed on, and nothing lost", [a(SECOND, TAG), a(status=500),
         a(HOUR, TAG, status=304)],
         [q(got=1), q(wait=2, got=2, status=500), q(got=1, asks=1, sends=INM + '"a"')]),
    talk("9111-4.3.4 of another ETag it is not of ours", [a(SECOND, TAG), a(HOUR, 'ETag: "b"', status=304), a(HOUR)],
         [q(got=1), q(wait=2, got=3, asks=2), q(got=3)]),
    talk("9111-3.2 a 304 updates fields",
         [a(SECOND, TAG, "X: 1", "Y: 1", "Content-Type: text/a"),
          a(HOUR, TAG, "X: 2", "Z: 2", "Content-Type: text/b", "Content-Encoding: no",
               "Content-Length: 99", status=304)],
         [q(got=1), *[q(wait=wait, got=1, asks=asks, has=("X: 2", "Y: 1", "Z: 2", "Content-Type: text/b", HOUR,
            "Content-Length: 6"), lacks=("X: 1", "Content-Encoding")) for wait, asks in ((2, 1), (0, 0))]]),
    talk("9111-3.2 and freshness", [a(SECOND, TAG), a(CC + "no-store", TAG, status=304), a()],
         [q(got=1), q(wait=2, got=1, asks=1), q(got=3)]),
    talk("9111-4.3.5 HEAD goes as it is", [a(HOUR), a(HOUR)],
         [q(method="HEAD", got=1), q(got=2), q(method="HEAD", got=2)]),
    talk("9111-4.3.5 HEAD freshens", [a(SECOND, TAG, "X: 1"), a(HOUR, TAG, "X: 2", "Content-Length: 6")],
         [q(got=1), q(method="HEAD", wait=2, got=2, has="X: 2"), q(got=1, has="X: 2")]),
    talk("9111-4.3.5 HEAD tells of a change", [a(CC + "max-age=2", TAG), a(HOUR, 'ETag: "b"'), a(HOUR)],
         [q(got=1), q(method="HEAD", wait=3, got=2), q(got=3)]),
    talk("9111-4.3.5 HEAD tells of another length", [a(SECOND, TAG), a(HOUR, TAG, "Content-Length: 7"), a(HOUR)],
         [q(got=1), q(method="HEAD", wait=2, got=2), q(got=3)]),
    talk("9110-9.3.2 a stored GET answers HEAD", [a(HOUR)],
         [q(got=1), q(method="HEAD", got=1, has="Content-Length: 6")]),
]  # fmt: skip

CONDITIONS = [
    talk(f"9110-13.1.2 {told} of {tag}", [a(HOUR, "ETag: " + tag)],
         [q(got=1), q(INM + told, got=1, status=status, has="ETag: " + tag)])
    for tag, told, status in (
        ('"a"', '"a"', 304), ('"a"', 'W/"a"', 304), ('W/"a"', '"a"', 304), ('W/"a"', 'W/"a"', 304), ('"a"', "*", 304),
        ('"a"', '"b", "a"', 304), ('"a"', '"b","a","c"', 304), ('"a"', '"b"', 200), ('"a"', "a", 200),
        ('"a,b"', '"a,b"', 304), ('"a"', '"A"', 200), ('"a"', "", 200),
    )
] + [
    talk("9110-13.1.3 not changed since", [a(HOUR, "Last-Modified: {-10}")],
         [q(got=1), q("If-Modified-Since: {0}", got=1, status=304)]),
    talk("9110-13.1.3 changed since", [a(HOUR, "Last-Modified: {-10}")],
         [q(got=1), q("If-Modified-Since: {-20}", got=1)]),
    talk("9110-13.1.3 only without If-None-Match", [a(HOUR, TAG, "Last-Modified: {-10}")],
         [q(got=1), q("If-Modified-Since: {0}", INM + '"b"', got=1)]),
    talk("9110-13.1.3 no date", [a(HOUR, "Last-Modified: {-10}")], [q(got=1), q("If-Modified-Since: now", got=1)]),
    talk("9111-4.3.2 by Date where there is no Last-Modified", [a(HOUR)],
         [q(got=1), q("If-Modified-Since: {+10}", got=1, status=304)]),
    talk("9110-15.4.5 what a 304 says", [a(HOUR, TAG, "Content-Location: /x", "Vary: X", "Expires: {+9}", "X-Own: 1",
         "Content-Type: text/a", "Last-Modified: {-9}")],
         [q(got=1),
              q(INM + '"a"', got=1, status=304, has=("ETag", "Date", "Vary: X", "Content-Location", "Expires", HOUR,
          "X-Own", "Age"), lacks=("Content-Type", "Content-Length", "Transfer-Encoding"))]),
    talk("9111-4.3.2 a cold one is asked without his condition", [a(HOUR, TAG)],
         [q(INM + '"a"', got=1, status=304, keeps=INM), q(got=1)]),
    talk("9111-4.3.2 what is private goes with it", [a(CC + "private", TAG), a(CC + "private", TAG, status=304)],
         [q(got=1), q(INM + '"a"', got=2, status=304, sends=INM + '"a"')]),
    talk("9110-13.1.1 If-Match that holds", [a(HOUR, TAG)], [q(got=1), q('If-Match: "a"', got=1)]),
    talk("9110-13.1.1 If-Match that does not: the origin says", [a(HOUR, TAG), a(status=412)],
         [q(got=1), q('If-Match: "b"', got=2, status=412, sends='If-Match: "b"'), q(got=1)]),
    talk("9110-13.1.4 If-Unmodified-Since", [a(status=412), a(HOUR)],
         [q("If-Unmodified-Since: {-9}", got=1, status=412, sends="If-Unmodified-Since"), q(got=2)]),
    talk("9110-13.1.5 If-Range by strong ETag", [a(HOUR, TAG)],
         [q(got=1), q("Range: bytes=0-1", 'If-Range: "a"', asks=0, status=206, content="bo"),
          q("Range: bytes=0-1", 'If-Range: "b"', got=1)]),
    talk("9110-13.1.5 never by a weak one", [a(HOUR, 'ETag: W/"a"')],
         [q(got=1), q("Range: bytes=0-1", 'If-Range: W/"a"', got=1)]),
    talk("9110-13.2.1 a condition on an error counts for nothing", [a(HOUR, TAG, status=404)],
         [q(got=1, status=404), q(INM + '"a"', got=1, status=404)]),
]  # fmt: skip

INVALIDATION = [
    *[talk(f"9111-4.4 {status} to {method} invalidates", [a(HOUR), a(status=status), a(HOUR)],
           [q(got=1), q(method=method, got=2, status=status), q(got=3)])
      for method, status in (("POST", 200), ("PUT", 204), ("DELETE", 200), ("PATCH", 200), ("POST", 303),
           ("FOO", 200))],
    *[talk(f"9111-4.4 {status} to a POST does not", [a(HOUR), a(status=status)],
           [q(got=1), q(method="POST", got=2, status=status), q(got=1)]) for status in (400, 403, 500, 503)],
    *[talk(f"9111-4.4 {method} is safe", [a(HOUR), a()], [q(got=1), q(method=method, got=2), q(got=1)])
      for method in ("OPTIONS", "TRACE", "PROPFIND")],
    *[talk(f"9111-4.4 {name}: {where} of the same origin", [a(HOUR), a(f"{name}: {where}", status=201), a(HOUR)],
           [q(more="/x", got=1), q(method="POST", got=2, status=201), q(more="/x", got=3)])
      for name, where in (("Location", "{base}/x"), ("Content-Location", "http://{host}{base}/x"),
                          ("Location", "http://{host}:80{base}/x"))],
    talk("9111-4.4 not of another", [a(HOUR), a("Location: http://another{base}/x", status=201)],
         [q(more="/x", got=1), q(method="POST", got=2, status=201), q(more="/x", got=1)]),
]  # fmt: skip

TALKS = VARY + AGE + STALE + VALIDATION + CONDITIONS + INVALIDATION
