"""Logging in through a provider: a real code flow over HTTP, and every way in which it must not succeed."""

import secrets
import urllib.parse

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from argon2 import PasswordHasher
from joserfc import jwt
from joserfc.jwk import ECKey
from multidict import MultiDict

from services.users import passwords


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch):
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "PasswordHasher", lambda: cheap)


class Provider:
    """An OpenID Connect provider that knows one viewer."""

    def __init__(self, clock):
        self.clock = clock
        self.key = ECKey.generate_key("P-256", {"kid": "k1", "use": "sig", "alg": "ES256"}, auto_kid=False)
        self.signing_key = self.key
        self.claims = {"email": "ann@example.org", "email_verified": True, "sub": "1"}
        self.codes = {}
        self.url = ""

    async def metadata(self, _):
        return web.json_response(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
            }
        )

    async def jwks(self, _):
        return web.json_response({"keys": [self.key.as_dict(private=False)]})

    def consent(self, authorization_url):
        """The viewer says yes; where they are sent back."""
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(authorization_url).query))
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_hex(8)
        self.codes[code] = asked
        return asked["redirect_uri"], {"code": code, "state": asked["state"]}

    async def token(self, request):
        form = await request.post()
        asked = self.codes.pop(form["code"], None)
        if asked is None or not form.get("code_verifier"):
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(self.clock.wall())
        claims = {"iss": self.url, "aud": asked["client_id"], "nonce": asked["nonce"], "iat": now, "exp": now + 60}
        header = {"alg": "ES256", "kid": "k1"}
        id_token = jwt.encode(header, claims | self.claims, self.signing_key)
        return web.json_response({"access_token": "x", "token_type": "Bearer", "id_token": id_token})


@pytest.fixture
async def provider(clock):
    provider = Provider(clock)
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", provider.metadata)
    app.router.add_get("/jwks", provider.jwks)
    app.router.add_post("/token", provider.token)
    async with TestServer(app) as server:
        provider.url = str(server.make_url("")).rstrip("/")
        yield provider


@pytest.fixture
async def place(start, provider, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("the client's secret\n")
    secret.chmod(0o600)
    return await start(
        only="users", insecure_dev=None, oidc_issuer=provider.url, oidc_client_id="matinee",
        oidc_client_secret_file=str(secret), public_url="https://film.example",
    )  # fmt: skip


async def begin(place):
    async with place.client.get("/auth/oidc/start", allow_redirects=False) as answer:
        assert answer.status == 303
        return answer.headers["Location"]


async def come_back(place, query):
    async with place.client.get("/auth/oidc/callback", params=query, allow_redirects=False) as answer:
        body = {} if answer.status == 303 else await answer.json(content_type=None)
        return answer.status, answer.headers.get("Location"), body.get("reason")


async def who_am_i(place):
    async with place.client.get("/me") as answer:
        return (await answer.json()).get("email")


async def test_a_viewer_whom_the_provider_vouches_for_is_logged_in(place, provider):
    back_to, query = provider.consent(await begin(place))
    assert back_to == "https://film.example/auth/oidc/callback"
    assert await come_back(place, query) == (303, "https://film.example/#welcome", None)
    assert await who_am_i(place) == "ann@example.org"
    first = (await place.get("/me"))[1]["accountId"]
    _, query = provider.consent(await begin(place))
    await come_back(place, query)
    assert (await place.get("/me"))[1]["accountId"] == first


async def test_a_code_works_once_and_only_in_the_browser_that_began(place, provider):
    _, query = provider.consent(await begin(place))
    cookies = place.client.session.cookie_jar
    kept = MultiDict((cookie.key, cookie.value) for cookie in cookies)
    cookies.clear()
    assert (await come_back(place, query))[::2] == (400, "log-in-expired")
    cookies.update_cookies(kept)
    assert (await come_back(place, query | {"state": "another"}))[::2] == (400, "log-in-expired")
    assert (await come_back(place, query))[0] == 303
    cookies.update_cookies(kept)
    assert (await come_back(place, query))[::2] == (401, "log-in")


async def test_a_log_in_that_took_too_long_is_begun_again(place, provider, clock):
    _, query = provider.consent(await begin(place))
    clock.now += 601
    assert (await come_back(place, query))[::2] == (400, "log-in-expired")


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"email_verified": False}, "email-unverified"),
        ({"email_verified": None}, "email-unverified"),
        ({"email": None}, "email-unverified"),
        ({"nonce": "of another log-in"}, "log-in"),
        ({"aud": "another client"}, "log-in"),
        ({"iss": "https://evil.example"}, "log-in"),
        ({"exp": 1}, "log-in"),
    ],
)
async def test_an_identity_that_is_not_for_this_log_in_is_refused(place, provider, claims, reason):
    provider.claims |= claims
    _, query = provider.consent(await begin(place))
    assert (await come_back(place, query))[::2] == (401, reason)
    assert await who_am_i(place) is None


async def test_an_identity_of_another_key_is_refused(place, provider):
    provider.signing_key = ECKey.generate_key("P-256", {"kid": "k1"}, auto_kid=False)
    _, query = provider.consent(await begin(place))
    assert (await come_back(place, query))[::2] == (401, "log-in")


async def test_who_signed_up_with_a_strangers_address_loses_the_account_to_its_owner(place, provider):
    thief = {"email": "ann@example.org", "password": "correct horse"}
    _, tokens = await place.post("/accounts", thief)
    place.client.session.cookie_jar.clear()
    _, query = provider.consent(await begin(place))
    assert (await come_back(place, query))[0] == 303
    headers = {"Authorization": f"Bearer {tokens['accessToken']}"}
    async with place.client.get("/me", headers=headers) as answer:
        assert answer.status == 401
    assert (await place.post("/auth/login", thief))[0] == 401


async def test_a_provider_that_is_away_is_told_kindly(start, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s\n")
    secret.chmod(0o600)
    place = await start(
        only="users", oidc_issuer="http://127.0.0.1:9", oidc_client_id="m", oidc_client_secret_file=str(secret),
        public_url="https://film.example",
    )  # fmt: skip
    status, body = await place.get("/auth/oidc/start")
    assert (status, body["reason"]) == (502, "log-in-provider")
