"""What comes together: windows beside words that forbid them, conditions beside ranges, odd forms; as conversations."""

from tests.scenario.conversation import GONE, SOME, a, q, talk

CC = "Cache-Control: "
HOUR = CC + "max-age=3600"
SECOND = CC + "max-age=1"
TAG = 'ETag: "a"'
INM = "If-None-Match: "
CDN = "CDN-Cache-Control: "
OLD = "Last-Modified: {-100000}"
TALKS = [
    talk(
        "5861-3 swr then sie",
        [a(CC + "max-age=1, stale-while-revalidate=2, stale-if-error=60"), a(status=503)],
        [q(got=1), q(wait=2, got=1, asks=1), q(wait=2.5, got=1, asks=1, has="Cache-Status~ ttl=-")],
    ),
    talk(
        "5861-3 swr longer than sie",
        [a(CC + "max-age=1, stale-while-revalidate=60, stale-if-error=0"), a(status=503)],
        [q(got=1), q(wait=2, got=1, asks=1), q(wait=3, got=1, asks=1)],
    ),
    talk(
        "5861-3 swr from Expires",
        [a(CC + "stale-while-revalidate=60", "Expires: {+1}"), a(HOUR)],
        [q(got=1), q(wait=2, got=1, asks=1), q(wait=0.2, got=2)],
    ),
    talk(
        "5861-3 swr and 304",
        [a(CC + "max-age=1, stale-while-revalidate=60", TAG), a(HOUR, TAG, status=304)],
        [q(got=1), q(wait=2, got=1, asks=1), q(wait=0.2, got=1, has="Age")],
    ),
    talk(
        "9213-2.2 targeted windows",
        [a(CDN + "max-age=1, stale-if-error=60", CC + "must-revalidate"), a(status=503)],
        [q(got=1), q(wait=2, got=1, asks=1)],
    ),
    talk(
        "9213-2.2 targeted must-revalidate",
        [a(CDN + "max-age=1, must-revalidate", CC + "max-age=1, stale-if-error=60"), a(status=503)],
        [q(got=1), q(wait=2, status=503, got=2)],
    ),
    talk(
        "9213-2.2 windows of Cache-Control do not count beside",
        [a(CDN + "max-age=1", CC + "max-age=1, stale-if-error=60"), a(status=503)],
        [q(got=1), q(wait=2, status=503, got=2)],
    ),
    talk(
        "5861-3 sie HEAD",
        [a(CC + "max-age=1, stale-if-error=60"), GONE],
        [q(got=1), q(method="HEAD", wait=2, asks=SOME, got=1)],
    ),
    talk(
        "5861-3 sie with a range",
        [a(CC + "max-age=1, stale-if-error=60"), GONE],
        [q(got=1), q("Range: bytes=0-1", wait=2, asks=SOME, status=206, content="bo")],
    ),
    talk(
        "5861-3 sie with INM",
        [a(CC + "max-age=1, stale-if-error=60", TAG), GONE],
        [q(got=1), q(INM + '"a"', wait=2, asks=SOME, status=304)],
    ),
    talk(
        "5861-3 error then fine",
        [a(CC + "max-age=1, stale-if-error=60"), a(status=500), a(HOUR)],
        [q(got=1), q(wait=2, got=1, asks=1), q(wait=3, got=1, asks=1), q(wait=0.2, got=3)],
    ),
    talk("9110-13 cond on 203", [a(HOUR, TAG, status=203)], [q(got=1, status=203), q(INM + '"a"', got=1, status=304)]),
    talk(
        "9110-13 put with if-match",
        [a(status=204)],
        [
            q(
                'If-Match: "x"',
                "If-None-Match: *",
                "Range: bytes=0-1",
                method="PUT",
                body="x",
                got=1,
                status=204,
                sends=('If-Match: "x"', "If-None-Match: *", "Range: bytes=0-1"),
            )
        ],
    ),
    talk(
        "9110-13 stale, viewer INM of new",
        [a(SECOND, TAG), a(HOUR, 'ETag: "b"')],
        [q(got=1), q(INM + '"b"', wait=2, got=2, status=304), q(got=2)],
    ),
    talk(
        "9111-4.3 stale, INM of old, 304",
        [a(SECOND, TAG), a(HOUR, TAG, status=304)],
        [q(got=1), q(INM + '"a"', wait=2, got=1, status=304, asks=1), q(got=1)],
    ),
    talk(
        "9110-13 stale, INM of old, 200 new",
        [a(SECOND, TAG), a(HOUR, 'ETag: "b"')],
        [q(got=1), q(INM + '"a"', wait=2, got=2), q(got=2)],
    ),
    talk(
        "9110-14 stale range revalidated",
        [a(SECOND, TAG), a(HOUR, TAG, status=304)],
        [
            q(got=1),
            q("Range: bytes=1-2", wait=2, asks=1, status=206, content="od", has="Content-Range: bytes 1-2/6"),
            q(got=1),
        ],
    ),
    talk("9110-14 cold range", [a(HOUR, TAG)], [q("Range: bytes=1-2", asks=1, status=206, content="od"), q(got=1)]),
    talk(
        "9110-14 suffix range",
        [a(HOUR)],
        [q(got=1), q("Range: bytes=-1", asks=0, status=206, content="1", has="Content-Range: bytes 5-5/6")],
    ),
    talk("9110-14 open range", [a(HOUR)], [q(got=1), q("Range: bytes=4-", asks=0, status=206, content=" 1")]),
    talk(
        "9110-14 416", [a(HOUR)], [q(got=1), q("Range: bytes=9-", asks=0, status=416, has="Content-Range: bytes */6")]
    ),
    talk("9110-14 other unit", [a(HOUR)], [q(got=1), q("Range: lines=1-2", got=1)]),
    talk(
        "9110-14 range on HEAD is ignored",
        [a(HOUR)],
        [q(got=1), q("Range: bytes=0-1", method="HEAD", got=1, status=200)],
    ),
    talk(
        "9111-5.3 set-cookie kept both times in 200 and updated by 304",
        [a(SECOND, TAG, "Set-Cookie: a=1"), a(HOUR, TAG, "Set-Cookie: a=2", status=304)],
        [
            q(got=1),
            q(wait=2, got=1, asks=1, has="Set-Cookie: a=2", lacks="Set-Cookie: a=1"),
            q(got=1, has="Set-Cookie: a=2"),
        ],
        set_cookie="keep",
    ),
    talk(
        "set-cookie of a 200 and a 304 goes to who caused them",
        [a(SECOND, TAG, "Set-Cookie: a=1"), a(HOUR, TAG, "Set-Cookie: a=2", status=304)],
        [
            q(got=1, has="Set-Cookie: a=1"),
            q(wait=2, got=1, asks=1, has="Set-Cookie: a=2", lacks="Set-Cookie: a=1"),
            q(got=1, lacks="Set-Cookie"),
        ],
    ),
    talk(
        "set-cookie passed is not kept",
        [a(HOUR, "Set-Cookie: a=1"), a(HOUR, "Set-Cookie: a=2"), a(HOUR)],
        [q(got=1, has="Set-Cookie: a=1"), q(got=2, has="Set-Cookie: a=2"), q(got=3), q(got=3)],
        set_cookie="pass",
    ),
    talk(
        "set-cookie of a 304 passed ends what was kept",
        [a(SECOND, TAG), a(HOUR, TAG, "Set-Cookie: a=2", status=304), a(HOUR)],
        [q(got=1), q(wait=2, got=1, asks=1, has="Set-Cookie: a=2"), q(got=3, asks=1, lacks="Set-Cookie")],
        set_cookie="pass",
    ),
    talk(
        "9111-7.3 many set-cookie lines",
        [a(HOUR, "Set-Cookie: a=1", "Set-Cookie: b=2")],
        [q(got=1, has=("Set-Cookie: a=1", "Set-Cookie: b=2"))] * 2,
        set_cookie="keep",
    ),
    talk(
        "many set-cookie lines go once",
        [a(HOUR, "Set-Cookie: a=1", "Set-Cookie: b=2")],
        [q(got=1, has=("Set-Cookie: a=1", "Set-Cookie: b=2")), q(got=1, lacks="Set-Cookie")],
    ),
    talk("9111-5.2 private then public", [a(CC + "private"), a(HOUR), a(HOUR)], [q(got=1), q(got=2), q(got=2)]),
    talk("9111-7.3 cookie and heuristics", [a(OLD)], [q("Cookie: a=b", got=1), q("Cookie: a=b", got=2)]),
    talk("9111-7.3 cookie and explicit", [a(HOUR)], [q("Cookie: a=b", got=1), q(got=1)]),
    talk(
        "9111-4.3 304 with age",
        [a(SECOND, TAG), a(CC + "max-age=100", TAG, "Age: 50", status=304)],
        [q(got=1), q(wait=2, got=1, asks=1), q(got=1, has="Age: 50")],
    ),
    talk(
        "9111-5.3 304 without date",
        [a(SECOND, TAG), a(HOUR, TAG, "Date: none", status=304)],
        [q(got=1), q(wait=2, got=1, asks=1), q(got=1)],
    ),
    talk(
        "9111-4.3 304 keeps old CC",
        [a(SECOND, TAG), a(TAG, status=304)],
        [q(got=1), q(wait=2, got=1, asks=1), q(got=1), q(wait=2, got=1, asks=1)],
    ),
    talk(
        "9111-4.3 304 new etag weak",
        [a(SECOND, 'ETag: W/"a"'), a(HOUR, 'ETag: "a"', status=304), a(HOUR)],
        [q(got=1), q(wait=2, got=3, asks=2)],
    ),
    talk("9111-3 redirect kept", [a(HOUR, "Location: /x", status=301)], [q(got=1, status=301, has="Location: /x")] * 2),
    talk("9111-5.3 age huge", [a(HOUR, "Age: 999999999999999999999")], [q(got=1), q(got=2)]),
    talk("9111-5.3 expires with date", [a("Expires: {+100}", "Date: {+90}")], [q(got=1), q(got=1)]),
    talk("9111-5.3 two Expires", [a("Expires: {+100}", "Expires: {+200}")], [q(got=1), q(got=2)]),
    talk("9111-5.3 two dates", [a(HOUR, "Date: {-7200}", "Date: {0}")], [q(got=1), q(got=2)]),
    talk(
        "9111-4.1 vary + private alternates",
        [a(HOUR, "Vary: Cookie"), a(CC + "private", "Vary: Cookie")],
        [q(got=1), q("Cookie: a", got=2), q(got=1), q("Cookie: a", got=3)],
    ),
    talk(
        "9111-5.3 vary alternates revalidate",
        [
            a(SECOND, 'ETag: "1"', "Vary: F"),
            a(SECOND, 'ETag: "2"', "Vary: F"),
            a(HOUR, 'ETag: "1"', "Vary: F", status=304),
        ],
        [q("F: 1", got=1), q("F: 2", got=2), q("F: 1", wait=2, got=1, asks=1, sends=INM + '"1"'), q("F: 1", got=1)],
    ),
    talk(
        "9111-5.3 post invalidates all alternates",
        [a(HOUR, "Vary: F"), a(HOUR, "Vary: F"), a(), a(HOUR, "Vary: F")],
        [q("F: 1", got=1), q("F: 2", got=2), q(method="POST", got=3), q("F: 1", got=4), q("F: 2", got=5)],
    ),
    talk(
        "9111-4.1 head vary",
        [a(HOUR, "Vary: F")],
        [q("F: 1", got=1), q("F: 1", method="HEAD", got=1), q("F: 2", method="HEAD", got=2)],
    ),
    talk("9111-3 must-understand heuristics", [a(CC + "must-understand", OLD)], [q(got=1), q(got=1)]),
    talk("9111-3 public heuristics 599", [a(CC + "public", OLD, status=599)], [q(got=1, status=599)] * 2),
    talk(
        "9111-4.3 max-age=0 with etag",
        [a(CC + "max-age=0", TAG), a(CC + "max-age=0", TAG, status=304)],
        [q(got=1), q(got=1, asks=1, sends=INM + '"a"')],
    ),
    talk("9111-3 chunked", [a(HOUR, framing="chunked")], [q(got=1), q(got=1, has="Content-Length: 6")]),
    talk(
        "9110-7 no-transform",
        [a(CC + "max-age=60, no-transform", "Content-Encoding: gzip")],
        [q(got=1, has="Content-Encoding: gzip")] * 2,
    ),
    talk("9110-7 response via chain", [a(HOUR, "Via: 1.1 o")], [q(got=1, has=("Via: 1.1 o", "Via: 1.1 {id}"))] * 2),
    talk(
        "9110-14 range post",
        [a(status=206, body="bo")],
        [q("Range: bytes=0-1", method="POST", asks=1, status=206, content="bo")],
    ),
    talk(
        "9110-7 OPTIONS not kept",
        [a(HOUR), a(HOUR)],
        [q(method="OPTIONS", got=1), q(method="OPTIONS", got=2), q(got=3)],
    ),
    talk(
        "9111-4.3 unsafe with 304",
        [a(HOUR), a(status=304), a()],
        [q(got=1), q(method="POST", got=2, status=304), q(got=3)],
    ),
    talk(
        "9110-14 206 to plain GET is refused",
        [a(HOUR, "Content-Range: bytes 0-1/6", status=206, body="bo")],
        [q(status=502, asks=1)],
    ),
    talk("8246-2 immutable ignored mode", [a(HOUR + ", immutable")], [q(got=1), q(CC + "no-cache", got=1)]),
    talk("9111-5.3 date lower-case", [a("Expires: thu, 18 aug 2050 02:01:18 gmt")], [q(got=1), q(got=1)]),
    talk("9111-5.3 expires two spaces", [a("Expires: Thu,  18 Aug 2050 02:01:18 GMT")], [q(got=1), q(got=2)]),
    talk("9111-5.3 expires no comma", [a("Expires: Thu 18 Aug 2050 02:01:18 GMT")], [q(got=1), q(got=2)]),
    talk("9111-5.3 expires UTC", [a("Expires: Thu, 18 Aug 2050 02:01:18 UTC")], [q(got=1), q(got=2)]),
    talk("9111-5.3 expires time single digit", [a("Expires: Thu, 18 Aug 2050 2:01:18 GMT")], [q(got=1), q(got=2)]),
    talk("9111-5.3 expires dashes", [a("Expires: Thu, 18-Aug-2050 02:01:18 GMT")], [q(got=1), q(got=2)]),
    talk("9111-5.2 cc two lines conflicting", [a(HOUR, CC + "no-store")], [q(got=1), q(got=2)]),
    talk("9111-5.2 cc and unknown with comma quoted", [a(CC + 'foo="a, no-store", max-age=60')], [q(got=1), q(got=1)]),
    talk("9111-5.2 private quoted empty", [a(CC + 'private="", max-age=60')], [q(got=1), q(got=2)]),
    talk(
        "9111-3.5 s-maxage with auth twice",
        [a(CC + "s-maxage=60")],
        [q("Authorization: a", got=1), q("Authorization: b", got=1)],
    ),
    talk("9111-3.5 auth hit for plain", [a(HOUR)], [q(got=1), q("Authorization: b", got=1)]),
    talk(
        "9111-3 media-ish ct kept",
        [a(HOUR, "Content-Type: video/mp4", "Content-Disposition: x", "Content-Language: de", "Link: <x>")],
        [
            q(got=1),
            q(got=1, has=("Content-Type: video/mp4", "Content-Disposition: x", "Content-Language: de", "Link: <x>")),
        ],
    ),
    talk(
        "9110-7 pragma passes",
        [a()],
        [q("Pragma: no-cache", CC + "no-cache", got=1, sends=("Pragma: no-cache", CC + "no-cache"))],
    ),
    talk(
        "9110-7 x-request-id passes",
        [a()],
        [
            q(
                "X-Request-ID: 1",
                "X-Custom: 2",
                "Origin: http://x",
                "Accept-Encoding: gzip",
                "If-Foo: 1",
                "Priority: u=1",
                got=1,
                sends=(
                    "X-Request-ID: 1",
                    "X-Custom: 2",
                    "Origin: http://x",
                    "Accept-Encoding: gzip",
                    "If-Foo: 1",
                    "Priority: u=1",
                ),
            )
        ],
    ),
    talk("9110-7 http/1.0 keeps", [a(HOUR)], [q(version="1.0", got=1), q(got=1), q(version="1.0", got=1)]),
    talk(
        "9110-7 205",
        [a(HOUR, status=205, body="")],
        [q(status=205, asks=1, content="", has="Content-Length: 0"), q(status=205, content="", asks=0)],
    ),
    talk(
        "9110-7 post kept body back",
        [a(body="echo")],
        [q(method="POST", body="hello", asks=1, content="echo", sends="Content-Length: 5")],
    ),
    talk("9110-7 get with zero length", [a(HOUR)], [q("Content-Length: 0", got=1, keeps="Content-Length"), q(got=1)]),
    talk("9111-3 hit-for-miss ends", [a(CC + "private"), a(HOUR)], [q(got=1), q(wait=0.1, got=2), q(got=2)]),
    talk("9111-5.3 date kept over time", [a(HOUR, "Date: {-5}")], [q(got=1), q(wait=1, got=1, has="Age: 6")]),
    talk(
        "9111-4.3 etag without quotes",
        [a(SECOND, "ETag: abc"), a(HOUR, "ETag: abc", status=304)],
        [q(got=1), q(wait=2, got=1, asks=1, sends="If-None-Match: abc")],
    ),
    talk(
        "5861-3 swr+must",
        [a(CC + "max-age=1, stale-while-revalidate=60, must-revalidate"), a(HOUR)],
        [q(got=1), q(wait=2, got=2)],
    ),
    talk("5861-3 swr+no-cache", [a(CC + "no-cache, stale-while-revalidate=60", TAG), a(HOUR)], [q(got=1), q(got=2)]),
    talk("5861-3 sie silent on 304 path", [a(SECOND, TAG), a(status=500)], [q(got=1), q(wait=2, got=2, status=500)]),
    talk("9110-15.2 unknown 1xx", [a(before="HTTP/1.1 150 X\r\nA: b\r\n\r\n")], [q(got=1, interim=(150,))]),
]
