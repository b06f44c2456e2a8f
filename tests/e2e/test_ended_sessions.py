"""A session that the account or an operator ends stops within a second: real services, control and edges."""

import contextlib
import http.client
import json
import re
import time
from functools import partial
from secrets import token_hex
from urllib.parse import urljoin, urlsplit

import pytest

TRIES = 3
"""Of so many the quickest counts: a machine that is busy with other tests proves nothing about the platform."""
WITHIN = 1.0


def ask(base, method, path, token, body=None):
    """(status, JSON) of a request with an access token or API key."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")


class Viewer:
    """Somebody with an account of their own."""

    def __init__(self, platform):
        self.platform = platform
        account = {"email": f"{token_hex(6)}@example.org", "password": "correct horse", "device": "TV"}
        status, self.tokens = ask(platform.page, "POST", "/accounts", None, account)
        assert status == 201, self.tokens
        self.ask = partial(ask, platform.page, token=self.tokens["accessToken"])

    def play(self):
        """A session, and the URLs of its first segment on each edge."""
        status, started = self.ask("GET", f"/playback/start?contentId={self.platform.content_id}")
        assert status == 200, started
        segments = []
        for url in started["edges"]:
            media = urljoin(url, re.search(r"^[^#\s].*$", self.text(url), re.MULTILINE)[0])
            segments.append(urljoin(media, re.search(r"^[^#\s].*$", self.text(media), re.MULTILINE)[0]))
        return started["sessionId"], segments

    def text(self, url):
        answer = self.platform.get(url)
        assert answer.status == 200, answer.body
        return answer.body.decode()


def are_refused(platform, segments):
    answers = [platform.get(url) for url in segments]
    return all(answer.status == 403 and answer.json()["reason"] == "token-revoked" for answer in answers)


def delete_device(viewer, _session, _key):
    return viewer.ask("DELETE", f"/me/devices/{viewer.tokens['deviceId']}")


def end_session(viewer, session, _key):
    return viewer.ask("DELETE", f"/playback/sessions/{session}")


def revoke_as_operator(viewer, session, key):
    return ask(viewer.platform.page, "DELETE", f"/playback/sessions/{session}", key)


def disable_account(viewer, _session, key):
    account = viewer.tokens["accountId"]
    return ask(viewer.platform.page, "PUT", f"/accounts/{account}/disabled", key, {"disabled": True})


def delete_account(viewer, _session, _key):
    return viewer.ask("DELETE", "/me")


@pytest.mark.parametrize("end", [delete_device, end_session, revoke_as_operator, disable_account, delete_account])
def test_every_edge_refuses_a_session_within_a_second_of_its_end(platform, end):
    key = (platform.plan.state / "services" / "api.key").read_text().strip()
    took = []
    while len(took) < TRIES and min(took, default=WITHIN) >= WITHIN:
        viewer = Viewer(platform)
        session, segments = viewer.play()
        assert len(segments) == 2
        assert [platform.get(url).status for url in segments] == [200, 200]
        status, answer = end(viewer, session, key)
        assert status == 200, answer
        began = time.monotonic()
        platform.until(partial(are_refused, platform, segments), "refused", within=10.0)
        took.append(time.monotonic() - began)
    assert min(took) < WITHIN
