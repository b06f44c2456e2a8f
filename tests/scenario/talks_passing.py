"""What an intermediary passes on, says of itself and refuses (RFC 9110 §7, §10, §15; RFC 9111 §5.2.1; RFC 9211;
RFC 8586; RFC 8246), as conversations."""

from __future__ import annotations

from tests.scenario.conversation import GONE, SOME, a, q, talk

CC = "Cache-Control: "
HOUR = CC + "max-age=3600"
HINTS = "HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\nKeep-Alive: timeout=5\r\n\r\n"
WORKING = "HTTP/1.1 102 Processing\r\n\r\n"

PASSING = [
    *[talk(f"9110-15 {status} passes", [a(status=status)], [q(got=1, status=status)])
      for status in (201, 202, 205, 207, 226, 299, 305, 402, 406, 407, 409, 411, 415, 417, 421, 422, 428, 429, 431, 505,
                     511, 599, 600, 999)],
    *[talk(f"9110-9 {method} passes", [a()], [q(method=method, got=1, body="x" if method != "TRACE" else "")])
      for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO", "PURGE", "M-SEARCH", "QUERY",
           "LINK")],
    talk("9110-15.2 102 and 103 come before", [a(HOUR, before=WORKING + HINTS)],
         [q(got=1, interim=(102, 103)), q(got=1)]),
    talk("9110-15.2 never to HTTP/1.0", [a(before=HINTS)], [q(got=1, version="1.0")]),
    talk("9110-15.2 to any method", [a(before=HINTS)], [q(got=1, method="POST", interim=(103,))]),
    talk("9110-10.1.1 Expect is answered here", [a()],
         [q("Expect: 100-continue", method="POST", body="x", got=1, keeps="Expect")]),
    talk("9110-7.6.1 of the connection", [a()],
         [q("Connection: X-Hop", "X-Hop: 1", "Keep-Alive: 5", "TE: trailers", "Upgrade: h2c", "Proxy-Authorization: x",
            "Proxy-Connection: close", "X-End: 2", got=1, sends="X-End: 2",
            keeps=("X-Hop", "Keep-Alive", "TE", "Upgrade", "Proxy-Authorization", "Proxy-Connection"))]),
    talk("9110-5 other fields pass", [a("X-A: 1", "X-A: 2", "X-Empty:")],
         [q("X-B: 1", "X-B: 2", "Cookie: a=b", "X-Odd: \xe4", "User-Agent: u", "Referer: r", "Accept: */*", got=1,
            sends=("X-B~ 1", "X-B~ 2", "Cookie: a=b", "X-Odd: \xe4", "User-Agent: u", "Referer: r", "Accept: */*"),
            has=("X-A: 1", "X-A: 2", "X-Empty"))]),
    talk("9110-7.6.3 Via of both ways", [a("Via: 1.0 origin")],
         [q("Via: 1.1 before", got=1, sends="Via: 1.1 before, 1.1 {id}", has=("Via: 1.0 origin", "Via: 1.1 {id}"))]),
    talk("9110-7.6.3 Via says what we received", [a()], [q(got=1, version="1.0", sends="Via: 1.0 {id}")]),
    talk("9110-7.6.2 Max-Forwards counts down", [a()], [q("Max-Forwards: 5", method="OPTIONS", got=1,
         sends="Max-Forwards: 4")]),
    talk("9110-7.6.2 OPTIONS ends here", [a()],
         [q("Max-Forwards: 0", method="OPTIONS", asks=0, content="", has="Allow")]),
    talk("9110-9.3.8 TRACE ends here", [a()],
         [q("Max-Forwards: 0", "Cookie: secret", "X: 1", method="TRACE", asks=0, has="Content-Type: message/http")]),
    talk("9110-7.6.2 not of a GET", [a()], [q("Max-Forwards: 0", got=1, sends="Max-Forwards: 0")]),
    talk("9110-7.2 Host goes along", [a()], [q(got=1, sends="Host: {host}")]),
    talk("9110-7.8 an Upgrade is not taken up", [a()], [q("Connection: upgrade", "Upgrade: websocket", got=1)]),
    talk("8586-2 we are named", [a()], [q("CDN-Loop: one; a=b, two", got=1, sends="CDN-Loop: one; a=b, two, {id}")]),
    talk("8586-2 we came back", [a()], [q("CDN-Loop: one, {id}; a=b", asks=0, status=508)]),
    talk("8586-2 on another line", [a()], [q("CDN-Loop: one", "CDN-Loop: {id}", asks=0, status=508)]),
    talk("8586-2 another's name", [a()], [q("CDN-Loop: {id}x, x{id}, y; {id}=1", got=1)]),
    talk("7239-5.2 for whom", [a()], [q(method="POST", got=1, sends="X-Forwarded-For")]),
    talk("9110-15.4.5 204 has no body", [a(HOUR, status=204)], [q(got=1, status=204, lacks=("Content-Length",
         "Transfer-Encoding"))] * 2),
    talk("9112-6.3 HTTP/1.0 gets no chunks", [a(HOUR, framing="chunked"), a()],
         [q(got=1, version="1.0", lacks="Transfer-Encoding")] * 2),
    talk("9110-9.3.2 HEAD keeps Content-Length", [a("Content-Length: 1234")], [q(method="HEAD", got=1,
         has="Content-Length: 1234")]),
    talk("9110-9.3.1 a GET with a body is nobody else's", [a(HOUR), a(HOUR), a(HOUR)],
         [q(body="x", got=1), q(body="y", got=2), q(got=3), q(body="x", got=4), q(got=3)]),
    talk("9110-14.2 a range of what is private", [a(CC + "private"), a(CC + "private", "Content-Range: bytes 0-1/6",
         status=206, body="bo")], [q(got=1), q("Range: bytes=0-1", status=206, asks=1, content="bo",
         sends="Range: bytes=0-1", has="Content-Range: bytes 0-1/6")]),
    talk("9112-3.2.2 absolute-form", [a(HOUR)], [q(got=1), q("Host: other", target="http://{host}{base}", got=1)]),
]  # fmt: skip

WISHES_IGNORED = [
    talk(f"9111-5.2.1 {told} does not bust the cache", [a(HOUR), a()], [q(got=1), q(told, wait=1.2, got=1)])
    for told in (CC + "no-cache", CC + "max-age=0", CC + "max-age=1", CC + "min-fresh=9999", CC + "no-store",
                 "Pragma: no-cache", CC + "no-cache, no-store, must-revalidate")
] + [
    talk("9111-5.2.1.7 only-if-cached", [a(HOUR)],
         [q(CC + "only-if-cached", status=504, asks=0), q(got=1), q(CC + "only-if-cached", got=1)]),
    talk("9111-5.2.1.2 max-stale is not taken up", [a(CC + "max-age=1"), a()],
         [q(got=1), q(CC + "max-stale=100", wait=2, got=2)]),
]  # fmt: skip
WISHES_HONOURED = [
    talk(f"9111-5.2.1 {told} is honoured", [a(HOUR), a(HOUR)],
         [q(got=1), q(told, wait=2, got=2, has="Cache-Status~ fwd=request"), q(got=2)], request_directives="honour")
    for told in (CC + "no-cache", CC + "max-age=0", CC + "max-age=1", CC + "min-fresh=3600", "Pragma: no-cache")
] + [
    talk(f"9111-5.2.1 {told} is content", [a(HOUR), a()], [q(got=1), q(told, got=1)], request_directives="honour")
    for told in (CC + "max-age=60", CC + "min-fresh=60", CC + "max-stale", CC + "no-transform", CC + "foo")
] + [
    talk("9111-5.2.1.2 max-stale", [a(CC + "max-age=1"), a()], [q(got=1), q(CC + "max-stale=60", wait=2, got=1),
         q(CC + "max-stale=1", wait=1, got=2)], request_directives="honour"),
    talk("9111-4.2.4 max-stale against must-revalidate", [a(CC + "max-age=1, must-revalidate"), a()],
         [q(got=1), q(CC + "max-stale", wait=2, got=2)], request_directives="honour"),
    talk("8246-2 a reload of what is immutable", [a(HOUR + ", immutable"), a()],
         [q(got=1), q(CC + "max-age=0", wait=1, got=1), q(CC + "no-cache", got=2)], request_directives="honour"),
    talk("9111-5.2.1.4 with the stored validator", [a(HOUR, 'ETag: "a"'), a(HOUR, status=304)],
         [q(got=1), q(CC + "no-cache", got=1, asks=1, sends='If-None-Match: "a"')], request_directives="honour"),
]  # fmt: skip

STATUS = [
    talk("9211-2 miss, then hit", [a(HOUR)],
         [q(got=1, has="Cache-Status: {id}; fwd=uri-miss; stored"), q(got=1, has="Cache-Status: {id}; hit; ttl=3600")]),
    talk("9211-2.2 not stored", [a(CC + "private")], [q(got=1, has="Cache-Status: {id}; fwd=uri-miss")]),
    talk("9211-2.2 remembered as private", [a(CC + "private")],
         [q(got=1), q(got=2, has="Cache-Status: {id}; fwd=bypass")]),
    talk("9211-2.2 method", [a()], [q(method="POST", got=1, has="Cache-Status: {id}; fwd=method")]),
    talk("9211-2.2 vary-miss", [a(HOUR, "Vary: X"), a(HOUR, "Vary: X")],
         [q("X: 1", got=1), q("X: 2", got=2, has="Cache-Status: {id}; fwd=vary-miss; stored")]),
    talk("9211-2.2 stale", [a(CC + "max-age=1"), a(HOUR)],
         [q(got=1), q(wait=2, got=2, has="Cache-Status: {id}; fwd=stale; stored")]),
    talk("9211-2.3 fwd-status", [a(status=404)],
         [q(got=1, status=404, has="Cache-Status: {id}; fwd=uri-miss; fwd-status=404")]),
    talk("9211-2.3 fwd-status where ours differs", [a(HOUR, 'ETag: "a"')],
         [q('If-None-Match: "a"', got=1, status=304, has="Cache-Status: {id}; fwd=uri-miss; fwd-status=200; stored")]),
    talk("9211-2 behind those nearer to the origin", [a(HOUR, "Cache-Status: o; hit")],
         [q(got=1, has="Cache-Status: o; hit, {id}; fwd=uri-miss; stored"),
          q(got=1, has="Cache-Status: o; hit, {id}; hit; ttl=3600")]),
    talk("9211-2.8 errors say why", [GONE], [q(status=502, asks=SOME, has="Cache-Status~ fwd=uri-miss; detail=")]),
    talk("9211-2.8 refusals say why", [a()],
         [q(CC + "only-if-cached", status=504, asks=0, has="Cache-Status: {id}; detail=not-cached")]),
]  # fmt: skip

TALKS = PASSING + WISHES_IGNORED + WISHES_HONOURED + STATUS
