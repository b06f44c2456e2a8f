"""Records of access logs hold no token, no query, and no method that a client invented."""

from aiohttp.test_utils import make_mocked_request

from httpd.access_log import MAX_PATH_LENGTH, access_record


def test_a_record_is_redacted_and_bounded():
    trace = "ab" * 16
    headers = {"traceparent": f"00-{trace}-{'cd' * 8}-01"}
    request = make_mocked_request("BREW", "/t/SECRET/cdn/eu/a/x?key=SECRET", headers=headers)
    assert access_record(request, 200, 0.0123456) == {
        "method": "other",
        "path": "/t/…/cdn/eu/a/x",
        "status": 200,
        "ms": 12.346,
        "trace_id": trace,
    }
    long = access_record(make_mocked_request("GET", "/" + "x" * 5000), 200, 0.0)
    assert (len(long["path"]), long["trace_id"]) == (MAX_PATH_LENGTH, None)
