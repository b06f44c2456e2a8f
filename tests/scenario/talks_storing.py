"""What may be stored, and how fresh it is (RFC 9111 §3, §4.2, §5; RFC 9213), as conversations."""

from __future__ import annotations

from tests.scenario.conversation import Talk, a, q, talk

CC = "Cache-Control: "
HOUR = CC + "max-age=3600"
OLD = "Last-Modified: {-100000}"
AGAIN = [q(got=1), q(got=1)]
ANEW = [q(got=1), q(got=2)]


def kept(name: str, *fields: str, status: int = 200) -> Talk:
    """Asked for twice, the origin is asked once."""
    return talk(name, [a(*fields, status=status), a()], [q(got=1, status=status), q(got=1, status=status, has="Age")])


def not_kept(name: str, *fields: str, status: int = 200, request: tuple[str, ...] = ()) -> Talk:
    """Asked for twice, the origin is asked twice."""
    asks = [q(*request, got=1, status=status), q(*request, got=2, status=200)]
    return talk(name, [a(*fields, status=status), a(*fields)], asks)


EXPLICIT = [
    kept(f"9111-3 status {status} with explicit freshness", HOUR, status=status)
    for status in (200, 203, 204, 299, 300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 414, 418, 451, 499, 500,
                   501, 502, 503, 504, 599, 999)
]  # fmt: skip
SILENT = [
    not_kept(f"9111-4.2.2 status {status} is not kept by guess", OLD, status=status)
    for status in (201, 202, 302, 303, 307, 400, 403, 499, 500, 502, 503, 504, 599)
]
GUESSED = [
    kept(f"9111-4.2.2 status {status} is kept by guess", OLD, status=status)
    for status in (200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 451, 501)
]
STORING = [
    kept("9111-5.2.2.1 max-age", HOUR),
    kept("9111-5.2.2.10 s-maxage", CC + "s-maxage=3600"),
    kept("9111-5.2.2.10 s-maxage before max-age", CC + "max-age=0, s-maxage=3600"),
    not_kept("9111-5.2.2.10 s-maxage=0 before max-age", CC + "max-age=3600, s-maxage=0"),
    kept("9111-5.3 Expires", "Expires: {+3600}"),
    not_kept("9111-5.3 Expires in the past", "Expires: {-3600}"),
    not_kept("9111-5.3 Expires: 0", "Expires: 0"),
    not_kept("9111-5.3 Expires that is no date", "Expires: tomorrow", OLD),
    not_kept("9111-5.3 Expires with a wrong zone", "Expires: Thu, 18 Aug 2050 02:01:18 PST"),
    not_kept("9111-5.3 Expires of one digit days", "Expires: Thu, 8 Aug 2050 02:01:18 GMT"),
    kept("9110-5.6.7 Expires in RFC 850 form", "Expires: Thursday, 18-Aug-50 02:01:18 GMT"),
    kept("9110-5.6.7 Expires in asctime form", "Expires: Thu Aug  8 02:01:18 2050"),
    kept("9111-5.3 max-age before Expires", HOUR, "Expires: {-3600}"),
    kept("9111-4.2.1 the first of repeated directives", CC + "max-age=3600, max-age=0"),
    kept("9111-5.2 several lines", CC + "public", HOUR),
    kept("9111-5.2 names in any case", "cAcHe-CoNtRoL: MaX-aGe=3600"),
    kept("9111-5.2 a quoted argument", CC + 'max-age="3600"'),
    kept("9111-5.2 leading zeros", CC + "max-age=003600"),
    kept("9111-1.2.2 more than 2^31", CC + "max-age=99999999999999"),
    not_kept("9111-4.2.1 a float", CC + "max-age=3600.0", OLD),
    not_kept("9111-4.2.1 a negative number", CC + "max-age=-3600", OLD),
    not_kept("9111-4.2.1 no number", CC + "max-age=a3600", OLD),
    not_kept("9111-4.2.1 blanks before the equals sign", CC + "max-age =3600", OLD),
    kept("9111-5.2.3 an unknown directive", CC + "foo, max-age=3600, bar=baz"),
    kept("9111-5.2.3 what an unknown directive quotes", CC + 'ext="no-store", max-age=3600'),
    not_kept("9111-5.2.2.5 no-store", CC + "max-age=3600, no-store"),
    not_kept("9111-5.2.2.5 No-Store", CC + "max-age=3600, No-Store"),
    not_kept("9111-5.2.2.7 private", CC + "max-age=3600, private"),
    not_kept("9111-5.2.2.4 no-cache without a validator", CC + "max-age=3600, no-cache"),
    kept("9111-5.4 Pragma in a response means nothing", "Pragma: no-cache", HOUR),
    kept("9111-5.2.2.3 must-understand beside no-store", CC + "max-age=3600, no-store, must-understand"),
    not_kept("9111-5.2.2.3 must-understand of what is not", CC + "max-age=3600, must-understand", status=499),
    not_kept("9111-4.2.3 older than its lifetime", HOUR, "Age: 7200"),
    kept("9111-5.1 an invalid Age counts for nothing", HOUR, "Age: -7200"),
    kept("9111-5.1 a float Age counts for nothing", HOUR, "Age: 7200.0"),
    not_kept("9111-5.1 the first Age of a list", HOUR, "Age: 7200, 0"),
    kept("9111-5.1 the first Age of several lines", HOUR, "Age: 0", "Age: 7200"),
    not_kept("9111-1.2.2 Age of 2^31", HOUR, "Age: 2147483648"),
    not_kept("9111-4.2.3 Date long ago", HOUR, "Date: {-7200}"),
    kept("9111-4.2.3 Date ahead", HOUR, "Date: {+7200}"),
    kept("9111-4.2.3 Date that is none", HOUR, "Date: foo"),
    kept("9110-6.6.1 no Date", HOUR, "Date: none"),
    kept("9111-7.3 Set-Cookie where the origin says how long", HOUR, "Set-Cookie: a=b"),
    not_kept("9111-7.3 Set-Cookie is not kept by guess", OLD, "Set-Cookie: a=b"),
    not_kept("9111-4.2.2 silent and without Last-Modified"),
    not_kept("9111-3.5 Authorization", HOUR, request=("Authorization: Basic x",)),
    talk("9111-3.5 Authorization, public", [a(CC + "max-age=60, public")], [q("Authorization: x", got=1), q(got=1)]),
    talk("9111-3.5 Authorization, s-maxage", [a(CC + "s-maxage=60")], [q("Authorization: x", got=1), q(got=1)]),
    talk(
        "9111-3.5 Authorization, must-revalidate",
        [a(CC + "max-age=60, must-revalidate")],
        [q("Authorization: x", got=1), q(got=1)],
    ),
    talk(
        "9111-5.2.2.7 private fields go to one",
        [a(CC + 'max-age=60, private="set-cookie, X-You"', "Set-Cookie: a=b", "X-You: 1", "X-All: 2")],
        [q(got=1, has=("Set-Cookie: a=b", "X-You: 1")), q(got=1, has="X-All: 2", lacks=("Set-Cookie", "X-You"))],
    ),
    talk(
        "9111-5.2.2.4 no-cache fields are not kept",
        [a(CC + 'max-age=60, no-cache="X-You"', "X-You: 1")],
        [q(got=1, has="X-You: 1"), q(got=1, lacks="X-You")],
    ),
    talk(
        "9111-3.1 all fields but those of the connection",
        [a(HOUR, "Connection: X-Hop, close", "X-Hop: 1", "Keep-Alive: timeout=5", "Proxy-Authenticate: Basic",
             "X-End: 2",
           "Content-Type: text/x", "Set-Cookie2: b")],
        [q(got=1, has=("X-End: 2", "Content-Type: text/x", "Set-Cookie2: b"),
           lacks=("X-Hop", "Keep-Alive", "Proxy-Authenticate"))] * 2,
    ),
    talk("9110-6.5.1 trailers are dropped", [a(HOUR, "Trailer: X-Trailer", framing="chunked")],
         [q(got=1, lacks=("X-Trailer", "Trailer"))] * 2),
    talk("9111-3 POST is not kept", [a(HOUR), a(HOUR)], [q(got=1, method="POST"), q(got=2)]),
    talk("9111-3 a query is a part of the key", [a(HOUR), a(HOUR)], [q(more="?a", got=1), q(more="?b", got=2),
         q(more="?a", got=1)]),
    talk("9111-2 so is the host", [a(HOUR), a(HOUR)], [q(got=1), q("Host: another", got=2)]),
    talk("9111-5.2.1.5 no-store of a request", [a(HOUR), a(HOUR)], [q(CC + "no-store", got=1), q(got=2), q(got=2)]),
]  # fmt: skip

CDN = "CDN-Cache-Control: "
TARGETED = [
    kept("9213-2.2 it speaks in place of Cache-Control", CDN + "max-age=3600", CC + "no-store"),
    not_kept("9213-2.2 and against it", CDN + "no-store", HOUR),
    not_kept("9213-2.2 max-age=0", CDN + "max-age=0", HOUR),
    not_kept("9213-2.2 private", CDN + "private", HOUR),
    kept("9213-2.2 and of Expires", CDN + "max-age=3600", "Expires: {-100}"),
    not_kept("9213-2.1 a string is no integer", CDN + 'max-age="3600"', CC + "no-store"),
    not_kept("9213-2.1 nor is a float", CDN + "max-age=3600.0", CC + "no-store"),
    not_kept("9213-2.1 a parse failure", CDN + "max-age=3600, &&&", CC + "no-store"),
    kept("9213-2.1 what cannot be read is as if absent", CDN + "max-age=0, &&&", HOUR),
    kept("9213-2.1 blanks beside the equals sign", CDN + "max-age = 0", HOUR),
    kept("9213-2.1 an upper-case key cannot be read", CDN + "Max-Age=0", HOUR),
    kept("9213-2.1 parameters mean nothing", CDN + "max-age=3600;foo=bar", CC + "no-store"),
    kept("8941-3.2 the last of repeated members", CDN + "max-age=0, max-age=3600", CC + "no-store"),
    kept("8941-4.2 several lines are one", CDN + "foo", CDN + "max-age=3600", CC + "no-store"),
    kept("9213-2.1 an empty one is absent", CDN, HOUR),
    kept("9213-2.1 a flag that is false", CDN + "max-age=3600, no-store=?0", CC + "no-store"),
    not_kept("9213-2.2 unknown members alone: nothing is said", CDN + "foo=bar", HOUR),
    talk("9213-2 it is passed on as it came", [a(CDN + "max-age=3600;x, foo=?0")],
         [q(got=1, has=CDN + "max-age=3600;x, foo=?0")] * 2),
    talk("Surrogate-Control is not ours", [a("Surrogate-Control: max-age=0", HOUR)],
         [q(got=1, has="Surrogate-Control: max-age=0")] * 2),
]  # fmt: skip

TALKS = EXPLICIT + SILENT + GUESSED + STORING + TARGETED
