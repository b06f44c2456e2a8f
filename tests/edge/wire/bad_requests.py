"""Bytes that are no acceptable request, and the status that says so (RFC 9112)."""

from __future__ import annotations

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def line(start: bytes) -> bytes:
    return start + b"\r\nHost: a\r\n\r\n"


REFUSED = {
    # RFC 9112 §6.3: one clear framing
    "length then coding": (400, POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "coding then length": (400, POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    "two equal lengths": (400, POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    "two lengths": (400, POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    "length list": (400, POST + b"Content-Length: 5, 5\r\n\r\nhello"),
    "length plus": (400, POST + b"Content-Length: +5\r\n\r\nhello"),
    "length minus": (400, POST + b"Content-Length: -5\r\n\r\nhello"),
    "length inner space": (400, POST + b"Content-Length: 5 5\r\n\r\nhello"),
    "length hex": (400, POST + b"Content-Length: 0x5\r\n\r\nhello"),
    "length decimal": (400, POST + b"Content-Length: 5.0\r\n\r\nhello"),
    "length empty": (400, POST + b"Content-Length:\r\n\r\nhello"),
    "length vertical tab": (400, POST + b"Content-Length:\x0b5\r\n\r\nhello"),
    "length beyond 64 bits": (400, POST + b"Content-Length: 18446744073709551621\r\n\r\nhello"),
    "length of 16 digits": (400, POST + b"Content-Length: 9999999999999999\r\n\r\nhello"),
    "length other digits": (400, POST + "Content-Length: ٥\r\n\r\nhello".encode()),
    "coding chunked, identity": (400, POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    "coding identity": (400, POST + b"Transfer-Encoding: identity\r\n\r\nhello"),
    "coding gzip, chunked": (501, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "coding xchunked": (400, POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "coding quoted": (400, POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n'),
    "coding parameter": (400, POST + b"Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n"),
    "coding after a comma": (400, POST + b"Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"),
    "coding twice": (400, POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "two codings": (400, POST + b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "coding empty": (400, POST + b"Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello"),
    "coding vertical tab": (400, POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n"),
    "coding folded": (400, POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    "coding before a space": (400, POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    "coding in HTTP/1.0": (400, POST.replace(b"/1.1", b"/1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    # §7.1: chunks
    "chunk size and LF": (400, CHUNKED + b"5\nhello\r\n0\r\n\r\n"),
    "chunk and LF": (400, CHUNKED + b"5\r\nhello\n0\r\n\r\n"),
    "last chunk and LF": (400, CHUNKED + b"5\r\nhello\r\n0\n\n"),
    "chunk extension and LF": (400, CHUNKED + b"5;a\nhello\r\n0\r\n\r\n"),
    "chunk size and space": (400, CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n"),
    "chunk size after space": (400, CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n"),
    "chunk size 0x": (400, CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n"),
    "chunk size minus": (400, CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n"),
    "chunk size empty": (400, CHUNKED + b"\r\nhello\r\n0\r\n\r\n"),
    "chunk size beyond 64 bits": (400, CHUNKED + b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "chunk longer than it says": (400, CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n"),
    "trailer without a colon": (400, CHUNKED + b"0\r\nX\r\n\r\n"),
    "trailer Host": (400, CHUNKED + b"0\r\nHost: b\r\n\r\n"),
    "trailer Content-Length": (400, CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n"),
    "body too large": (413, POST + b"Content-Length: 1048577\r\n\r\n"),
    "chunked body too large": (413, CHUNKED + b"100001\r\n" + bytes(0x100001)),
    "endless chunk extension": (413, CHUNKED + b"1;" + b"x" * (9 << 20)),
    # §2.2, §5: lines
    "LF everywhere": (400, b"GET /a HTTP/1.1\nHost: a\n\n"),
    "LF after the request line": (400, b"GET /a HTTP/1.1\nHost: a\r\n\r\n"),
    "LF after a field": (400, GET[:-2] + b"\nX: y\r\n\r\n"),
    "LF at the end": (400, GET + b"\n"),
    "CR everywhere": (400, b"GET /a HTTP/1.1\rHost: a\r\r"),
    "CR in a value": (400, GET + b"X: a\rb\r\n\r\n"),
    "CR in a name": (400, GET + b"X\rY: a\r\n\r\n"),
    "CR CR LF": (400, GET + b"X: a\r\r\n\r\n"),
    "obs-fold by space": (400, GET + b"X: a\r\n b\r\n\r\n"),
    "obs-fold by tab": (400, GET + b"X: a\r\n\tb\r\n\r\n"),
    "space before the first field": (400, b"GET /a HTTP/1.1\r\n Host: a\r\n\r\n"),
    "space before a colon": (400, GET + b"X : a\r\n\r\n"),
    "tab before a colon": (400, GET + b"X\t: a\r\n\r\n"),
    "no colon": (400, GET + b"X\r\n\r\n"),
    "empty name": (400, GET + b": a\r\n\r\n"),
    **{f"name with {chr(c)!r}": (400, GET + b"X%c: a\r\n\r\n" % c) for c in b'\x00\x01\x7f\xff ()<>@,;\\"/[]?={}'},
    **{f"value with {c:#x}": (400, GET + b"X: a%cb\r\n\r\n" % c) for c in b"\x00\x01\x08\x0b\x0c\x0e\x1f\x7f"},
    # §3: the request line
    **{f"target with {c:#x}": (400, line(b"GET /a%cb HTTP/1.1" % c)) for c in b"\x00\x01\t\x0b\x0c\r\x7f\x80\xff"},
    "space in the target": (400, line(b"GET /a b HTTP/1.1")),
    "space at the end": (400, line(b"GET /a HTTP/1.1 ")),
    "space at the start": (400, line(b" GET /a HTTP/1.1")),
    "tabs": (400, line(b"GET\t/a\tHTTP/1.1")),
    "no target": (400, line(b"GET HTTP/1.1")),
    "relative target": (400, line(b"GET a HTTP/1.1")),
    "authority-form for GET": (400, line(b"GET a:80 HTTP/1.1")),
    "asterisk for GET": (400, line(b"GET * HTTP/1.1")),
    "CONNECT": (405, line(b"CONNECT a:80 HTTP/1.1")),
    "absolute-form, user": (400, line(b"GET http://u@b/ HTTP/1.1")),
    "absolute-form, empty": (400, line(b"GET http:///c HTTP/1.1")),
    "absolute-form, fragment": (400, line(b"GET http://b/c#d HTTP/1.1")),
    "absolute-form, ftp": (400, line(b"GET ftp://b/c HTTP/1.1")),
    "absolute-form, bad Host": (400, b"GET http://b/ HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    "absolute-form, no Host": (400, b"GET http://b/ HTTP/1.1\r\n\r\n"),
    "HTTP/0.9": (400, b"GET /a\r\n\r\n"),
    "HTTP/0.9 in words": (505, line(b"GET /a HTTP/0.9")),
    "HTTP/2.0": (505, line(b"GET /a HTTP/2.0")),
    "HTTP/3.0": (505, line(b"GET /a HTTP/3.0")),
    "HTTP/2 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/1.10": (400, line(b"GET /a HTTP/1.10")),
    "HTTP/1": (400, line(b"GET /a HTTP/1")),
    "http/1.1": (400, line(b"GET /a http/1.1")),
    "another protocol": (400, line(b"GET /a FOO/1.1")),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)),
    "NULs": (400, bytes(8)),
    # RFC 9112 §3.2: Host
    "no Host": (400, b"GET /a HTTP/1.1\r\nX: y\r\n\r\n"),
    "Host twice": (400, GET + b"Host: a\r\n\r\n"),
    "Host twice, letter case": (400, GET + b"HOST: b\r\n\r\n"),
    **{
        f"Host {host!r}": (400, b"GET /a HTTP/1.1\r\nHost: %s\r\n\r\n" % host)
        for host in (b"", b"a/b", b"u@a", b"a b", b"a:x", b"a:1:2", b"[::1", b"[x]", b"a\\b", b"a?b", b"a#b", b"a%zz")
    },
    "Authorization twice": (400, GET + b"Authorization: a\r\nAuthorization: b\r\n\r\n"),
    # limits
    "long target": (414, line(b"GET /" + b"a" * 16384 + b" HTTP/1.1")),
    "very long target": (414, line(b"GET /" + b"a" * 300_000 + b" HTTP/1.1")),
    "many fields": (431, GET + b"".join(b"X%d: y\r\n" % number for number in range(100)) + b"\r\n"),
    "one field many times": (431, GET + b"X: y\r\n" * 100 + b"\r\n"),
    "large field": (431, GET + b"X: " + b"y" * 90_000 + b"\r\n\r\n"),
    "large name": (431, GET + b"X" * 90_000 + b": y\r\n\r\n"),
    "many empty lines": (400, b"\r\n" * 50_000),
    "a large field by name": (431, GET + b"Cookie: " + b"y" * 70_000 + b"\r\n\r\n"),
    "long method": (501, line(b"M" * 65 + b" /a HTTP/1.1")),
    "endless method": (501, b"M" * 100_000),
    "endless target": (414, b"GET /" + b"a" * 100_000),
    "endless version": (400, b"GET /a " + b"H" * 100_000),
    "long trailer": (431, CHUNKED + b"0\r\nX: " + b"y" * 5000 + b"\r\n\r\n"),
    "many trailers": (431, CHUNKED + b"0\r\n" + b"X: y\r\n" * 101 + b"\r\n"),
    "long chunk extension": (413, CHUNKED + b"5;a=" + b"x" * 5000 + b"\r\nhello\r\n0\r\n\r\n"),
}  # fmt: skip


def _fill(method: bytes, field: bytes) -> bytes:
    return b"%s /a HTTP/1.1\r\nHost: a\r\n%s\r\n\r\nhello" % (method, field)


def _chunk(said: bytes) -> bytes:
    return CHUNKED + said + b"\r\nhello\r\n0\r\n\r\n"


_LENGTHS = (
    b"5,6", b"0, 5", b"5;5", b"5,", b",5", b"5abc", b"1e1", b"5_0", b"-0", b"+0", b"0b101", b"0o5", b"'5'", b'"5"',
    b"5 \x0b", b"\xa05", b"5\xa0", b"NaN", b"00000000000000000005", b"2147483648x", b"4294967301 ,5", b"\xef\xbc\x95",
)  # fmt: skip
_CODINGS = (
    b"chunk", b"chunke", b"chunkedd", b"xchunked", b"chunked,", b", chunked", b"chunked chunked", b"chunked, chunked",
    b"chunked;q=1", b"chunked; a", b"gzip", b"chunked, gzip", b"identity,chunked,gzip", b"\xa0chunked",
    b"chunked\xa0", b"CHUNKED,identity", b"\x00chunked", b"'chunked'", b"[chunked]", b"chunked/1", b"null",
    b"chun ked", b"chun\tked", b"chunked\x0b", b"chunked\x0c", b"chunked\x01", b",", b"chunked,,gzip",
    b"chunked\r\n\tx", b"\r\n\tchunked",
)  # fmt: skip
_CHUNK_SIZES = (
    b"g", b"5g", b"+5", b"5.0", b"5,5", b"5 5", b"5\t", b"\t5", b"5h", b"0X5", b"x5", b"\\x5", b"00000000000000005",
    b"5;", b"5; ", b"5;;a", b"5;a=", b"5;=b", b"5;a=b c", b"5;a b", b'5;a="b', b'5;a="\x01"', b"5;a\x00", b"5;a\x7f",
    b"5;a\rb", b"5\r", b"5\x00", b"5:a", b"5#a", b"FFFFFFFFFFFFFFFFF", b"5;\xc3\xa4", b'5;"a"', b"\xef\xbc\x95",
    b"5;a==b", b"5,a",
)  # fmt: skip
_TRAILERS = (
    b"Content-Length: 1", b"transfer-encoding: chunked", b"HOST: b", b"Authorization: x", b"Content-Type: a",
    b"Cookie: a", b"X : y", b" X: y", b"X", b": y", b"X: a\x00b", b"X: a\rb", b"X: a\n b", b"X\x01: y", b"Trailer: x",
    b"Content-Encoding: x", b"Connection: close", b"X: a\r\n b",
)  # fmt: skip
_FIELD_LINES = (
    b"X: a\r\n\x0bY: b", b"X: a\nContent-Length: 5", b"X: a\rContent-Length: 5", b"X: a\r\n\x00", b"\x00X: a",
    b"X: \x00", b"\xc3\xa4: a", b"X\xa0: a", b"X:a\r\n: b", b":", b": ", b" : a", b"X  : a", b"X\x0b: a", b"\x0bX: a",
    b"X a", b"X=a", b"X;: a", b"GET /b HTTP/1.1", b"HTTP/1.1 200 OK", b"X: a\n\tb", b"X: a\r\n \r\nY: b", b"\tX: a",
    b"\rX: a", b"X\r: a", b"X: a\x1b[31m", b"X: \x7f", b"Content-Length\x00: 5", b"Content-Length\r\n: 5",
    b"Transfer-Encoding\t: chunked",
)  # fmt: skip
_REQUEST_LINES = (
    b"GET  /a HTTP/1.1", b"GET /a  HTTP/1.1", b"GET\x0b/a HTTP/1.1", b"GET /a\tHTTP/1.1", b"GET /a\x0bHTTP/1.1",
    b"GET /a HTTP/1.1\t", b"GET /a HTTP/1.1 x", b"GET /a HTTP/11", b"GET /a HTTP/1,1", b"GET /a HTTP /1.1",
    b"GET /a HTTP/ 1.1", b"GET /a HTTP/1.x", b"GET /a HTTP/+1.1", b"GET /a HTTP/01.1", b"GET /a HTTP/1.01",
    b"GET /a Http/1.1", b"GET /a HTTPS/1.1", b"GET /a RTSP/1.0", b"SOURCE /a ICE/1.0", b"GET /a HTTP-1.1", b"GET /a",
    b"GET", b"GET ", b"/a HTTP/1.1", b" /a HTTP/1.1", b"G\x00T /a HTTP/1.1", b"G(T /a HTTP/1.1", b"GET, /a HTTP/1.1",
    b"G\xc3\xa4T /a HTTP/1.1", b"\xef\xbb\xbfGET /a HTTP/1.1", b'"GET" /a HTTP/1.1', b"GET: /a HTTP/1.1",
    b"GET \\a HTTP/1.1", b"GET /a\\b HTTP/1.1", b'GET /a"b HTTP/1.1', b"GET /a<b> HTTP/1.1", b"GET /a#b HTTP/1.1",
    b"GET # HTTP/1.1", b"GET ?a HTTP/1.1", b"GET http:/b HTTP/1.1", b"GET http//b/ HTTP/1.1", b"GET http:b HTTP/1.1",
    b"GET http://:80/ HTTP/1.1", b"GET http://b:x/ HTTP/1.1", b"GET http://b:99999/ HTTP/1.1",
    b"GET http://b@c/ HTTP/1.1", b"GET http://u:p@c/ HTTP/1.1", b"GET http://[::1/ HTTP/1.1",
    b"GET http://b\\c/ HTTP/1.1", b"GET file:///etc HTTP/1.1", b"GET javascript:1 HTTP/1.1", b"GET ws://b/ HTTP/1.1",
    b"OPTIONS a:80 HTTP/1.1", b"HEAD * HTTP/1.1", b"POST * HTTP/1.1", b"OPTIONS ** HTTP/1.1", b"OPTIONS *?a HTTP/1.1",
    b"GET /\xe2\x98\x83 HTTP/1.1", b"GET /a\x1fb HTTP/1.1", b"GET a/b HTTP/1.1", b"GET ../a HTTP/1.1",
    b"GET //\x00 HTTP/1.1",
)  # fmt: skip
_HOSTS = (
    b"a, b", b"http://a", b"a/", b"a;b@c", b"@a", b"a@", b":80", b":", b"a:-1", b"a:+80", b"a:8 0", b"a:65536",
    b"a:999999", b"a:80:80", b"[::1]x", b"[::1]:x", b"[]", b"[::1::2]", b"[1.2.3.4]", b"[::g]", b"::1", b"a\tb",
    b"a\x00b", b"a\x80", b"\xc3\xa4.de", b"a%", b"a%4", b'"a"', b"<a>", b"a|b", b"a^b", b"a`b", b"{a}", b"a\r\n\tb",
    b"a\\",
)  # fmt: skip
REFUSED |= {
    **{f"length {said!r}": (400, _fill(b"POST", b"Content-Length: " + said)) for said in _LENGTHS},
    **{f"coding {said!r}": (400, _fill(b"POST", b"Transfer-Encoding: " + said)) for said in _CODINGS},
    **{
        f"coding {said!r} beside a length": (400, _fill(b"POST", b"Content-Length: 5\r\nTransfer-Encoding: " + said))
        for said in (*_CODINGS, b"chunked", b"gzip, chunked")
    },
    **{
        f"coding {said!r}": (501, _fill(b"POST", b"Transfer-Encoding: " + said))
        for said in (b"br,chunked", b"x,chunked")
    },
    **{f"chunk {said!r}": (400, _chunk(said)) for said in _CHUNK_SIZES if said != b"5\r"},
    **{f"trailer {said!r}": (400, CHUNKED + b"0\r\n" + said + b"\r\n\r\n") for said in _TRAILERS},
    **{f"field line {said!r}": (400, GET + said + b"\r\n\r\n") for said in _FIELD_LINES},
    **{f"request line {said!r}": (400, line(said)) for said in _REQUEST_LINES},
    **{f"host {said!r}": (400, b"GET /a HTTP/1.1\r\nHost: %s\r\n\r\n" % said) for said in _HOSTS},
    **{f"version {said!r}": (505, line(b"GET /a HTTP/" + said)) for said in (b"0.0", b"0.9", b"2.1", b"3.1", b"9.9")},
    "CR CR in a chunk line": (400, CHUNKED + b"5\r\r\nhello\r\n0\r\n\r\n"),
    "chunk data too short": (400, CHUNKED + b"5\r\nhell\r\n0\r\n\r\n"),
    "chunk data, bare CR": (400, CHUNKED + b"5\r\nhello\r0\r\n\r\n"),
    "chunk data, CR CR LF": (400, CHUNKED + b"5\r\nhello\r\r\n0\r\n\r\n"),
    "chunk data, nothing between": (400, CHUNKED + b"5\r\nhello0\r\n\r\n"),
    "TRACE with a body": (400, line(b"TRACE /a HTTP/1.1")[:-2] + b"Content-Length: 5\r\n\r\nhello"),
    "TRACE with chunks": (400, line(b"TRACE /a HTTP/1.1")[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "CONNECT without a port": (405, line(b"CONNECT a HTTP/1.1")),
    "CONNECT and absolute-form, bad": (405, line(b"CONNECT : HTTP/1.1")),
    "Expect of something else": (417, POST + b"Expect: 200-ok\r\nContent-Length: 5\r\n\r\nhello"),
    "Content-Type twice": (400, POST + b"Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 5\r\n\r\nhello"),
    "Host twice, equal": (400, GET + b"hOST: a\r\n\r\n"),
    "Host after an absolute target, twice": (400, line(b"GET http://b/ HTTP/1.1")[:-2] + b"Host: a\r\n\r\n"),
    "absolute-form, Host with a user": (400, b"GET http://b/ HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    "LF CR": (400, b"GET /a HTTP/1.1\n\rHost: a\n\r\n\r"),
    "LF before the request": (400, b"\n" + line(b"GET /a HTTP/1.1")),
    "CR before the request": (400, b"\r" + line(b"GET /a HTTP/1.1")),
    "spaces before the request": (400, b"  \r\n" + line(b"GET /a HTTP/1.1")),
    "a response": (400, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "an SSH banner": (400, b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a PROXY line": (400, b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + line(b"GET /a HTTP/1.1")),
    "HTTP/2 preface, first half": (505, b"PRI * HTTP/2.0\r\n"),
}
