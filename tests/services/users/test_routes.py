"""Accounts over HTTP, as viewers and operators use them."""

import json

import pytest
from argon2 import PasswordHasher

from services.users import passwords

ANN = {"email": "ann@example.org", "password": "correct horse", "country": "de", "device": "Ann's TV"}


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch):
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "PasswordHasher", lambda: cheap)


class Viewer:
    """Somebody with a log-in."""

    def __init__(self, place, tokens):
        self.place = place
        self.tokens = tokens
        self.profile = None

    async def __call__(self, method, path, body=None, status=200):
        headers = {"Authorization": f"Bearer {self.tokens['accessToken']}"}
        headers |= {"X-Profile": self.profile} if self.profile else {}
        options = {"json": body} if body is not None else {}
        async with self.place.client.request(method, path, headers=headers, **options) as answer:
            found = await answer.json(content_type=None)
            assert answer.status == status, found
            return found


@pytest.fixture
async def place(start):
    return await start(only="users,events,recommend", insecure_dev=None)


@pytest.fixture
async def ann(place):
    status, tokens = await place.post("/accounts", ANN)
    assert status == 201
    return Viewer(place, tokens)


async def test_a_new_account_is_logged_in_and_has_the_plan_of_the_settings(ann):
    me = await ann("GET", "/me")
    assert (me["email"], me["country"], me["plan"]["tier"], me["plan"]["streams"]) == ("ann@example.org", "DE", "hd", 2)
    assert me["profileId"] == ann.tokens["profileId"] == me["profiles"][0]["profileId"]
    assert [device["name"] for device in await ann("GET", "/me/devices")] == ["Ann's TV"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"email": "ann"}, "email"),
        ({"password": "short"}, "password-short"),
        ({"password": "password1"}, "password-common"),
        ({"country": "Germany"}, "body-field"),
        ({"email": 7}, "body-field"),
    ],
)
async def test_what_cannot_be_an_account_is_named(place, change, reason):
    status, body = await place.post("/accounts", ANN | change)
    assert (status, body["reason"]) == (400, reason)
    assert body["type"].endswith(reason)


async def test_an_address_has_one_account(place, ann):
    status, body = await place.post("/accounts", ANN | {"email": "ANN@example.org"})
    assert (status, body["reason"]) == (409, "email-taken")


async def test_log_in_tells_nobody_which_addresses_have_accounts(place, ann):
    answers = [
        await place.post("/auth/login", {"email": email, "password": "wrong horse"})
        for email in ("ann@example.org", "nobody@example.org")
    ]
    assert answers[0] == answers[1]
    assert (answers[0][0], answers[0][1]["reason"]) == (401, "log-in")


async def test_a_refresh_token_rotates_and_an_unknown_one_is_refused(place, ann):
    status, second = await place.post("/auth/refresh", {"refreshToken": ann.tokens["refreshToken"]})
    assert status == 200
    assert second["refreshToken"] != ann.tokens["refreshToken"]
    ann.tokens = second
    await ann("GET", "/me")
    assert (await place.post("/auth/refresh", {"refreshToken": "x" * 43}))[0] == 401


async def test_reuse_ends_access_tokens_at_once(place, ann):
    stolen = ann.tokens["refreshToken"]
    _, ann.tokens = await place.post("/auth/refresh", {"refreshToken": stolen})
    await ann("GET", "/me")
    assert (await place.post("/auth/refresh", {"refreshToken": stolen}))[0] == 401
    assert (await ann("GET", "/me", status=401))["reason"] == "log-in"
    assert (await place.post("/auth/refresh", {"refreshToken": ann.tokens["refreshToken"]}))[0] == 401


async def test_guesses_are_limited_per_account_and_the_owner_is_told_to_wait(place, ann, clock):
    async def guess():
        async with place.client.post(
            "/auth/login", json={"email": "ann@example.org", "password": "wrong horse"}
        ) as answer:
            return answer.status, answer.headers.get("Retry-After")

    statuses = [(await guess())[0] for _ in range(12)]
    assert (statuses[:10], statuses[10:]) == ([401] * 10, [429, 429])
    assert int((await guess())[1]) >= 1
    clock.now += 60
    status, _ = await place.post("/auth/login", {"email": "ann@example.org", "password": "correct horse"})
    assert status == 200


async def test_logging_out_ends_the_tokens(place, ann):
    await ann("POST", "/auth/logout", {})
    await ann("GET", "/me", status=401)
    assert (await place.post("/auth/refresh", {"refreshToken": ann.tokens["refreshToken"]}))[0] == 401


async def test_an_access_token_expires(ann, clock):
    clock.now += 1_000
    await ann("GET", "/me", status=401)


async def test_the_page_is_logged_in_by_cookies_that_scripts_cannot_read(place):
    async with place.client.post("/accounts", json=ANN) as answer:
        cookies = answer.headers.getall("Set-Cookie")
    assert all("HttpOnly" in cookie and "SameSite=Strict" in cookie for cookie in cookies)
    async with place.client.get("/me") as answer:
        assert (await answer.json())["email"] == "ann@example.org"
    assert (await place.post("/auth/refresh", {}))[0] == 200


async def test_a_foreign_page_can_neither_log_in_nor_delete(place, ann):
    headers = {"Origin": "https://evil.example", "Authorization": f"Bearer {ann.tokens['accessToken']}"}
    for method, path in (("POST", "/auth/login"), ("DELETE", "/me"), ("POST", "/me/profiles")):
        async with place.client.request(method, path, headers=headers, json={}) as answer:
            assert answer.status == 403


async def test_a_profile_is_picked_by_its_header_and_only_by_its_owner(place, ann):
    kim = await ann("POST", "/me/profiles", {"name": "Kim", "kids": True, "language": "de"}, status=201)
    ann.profile = kim["profileId"]
    assert (await ann("GET", "/me"))["profileId"] == kim["profileId"]
    _, tokens = await place.post("/accounts", ANN | {"email": "bob@example.org"})
    bob = Viewer(place, tokens)
    bob.profile = kim["profileId"]
    assert (await bob("GET", "/me", status=403))["reason"] == "profile-not-yours"


async def test_profiles_change_and_go_but_never_the_last(ann):
    kim = await ann("POST", "/me/profiles", {"name": "Kim"}, status=201)
    path = f"/me/profiles/{kim['profileId']}"
    changed = await ann("PUT", path, {"maturity": 12, "dataSaver": True})
    assert (changed["name"], changed["maturity"], changed["dataSaver"]) == ("Kim", 12, True)
    assert (await ann("PUT", path, {"name": ""}, status=400))["reason"] == "name"
    assert (await ann("PUT", path, {"language": "german language"}, status=400))["reason"] == "language"
    await ann("DELETE", path)
    await ann("DELETE", path, status=404)
    last = f"/me/profiles/{ann.tokens['profileId']}"
    assert (await ann("DELETE", last, status=409))["reason"] == "last-profile"


async def test_a_forgotten_device_is_logged_out(place, ann):
    _, tokens = await place.post("/auth/login", ANN | {"device": "Phone"})
    phone = Viewer(place, tokens)
    await ann("DELETE", f"/me/devices/{tokens['deviceId']}")
    await phone("GET", "/me", status=401)
    await ann("GET", "/me")
    await ann("DELETE", f"/me/devices/{tokens['deviceId']}", status=404)


async def test_a_new_password_needs_the_old_one_and_ends_other_log_ins(place, ann):
    _, tokens = await place.post("/auth/login", ANN | {"device": "Phone"})
    wrong = {"currentPassword": "wrong horse", "newPassword": "better horse"}
    assert (await ann("PUT", "/me/password", wrong, status=401))["reason"] == "password-wrong"
    await ann("PUT", "/me/password", wrong | {"currentPassword": "correct horse"})
    await ann("GET", "/me")
    await Viewer(place, tokens)("GET", "/me", status=401)
    assert (await place.post("/auth/login", ANN))[0] == 401
    assert (await place.post("/auth/login", ANN | {"password": "better horse"}))[0] == 200


@pytest.fixture
def operator(place):
    async def ask(method, path, body=None, status=200):
        headers = {"Authorization": f"Bearer {place.key}"}
        options = {"json": body} if body is not None else {}
        async with place.client.request(method, path, headers=headers, **options) as answer:
            found = await answer.json(content_type=None)
            assert answer.status == status, found
            return found

    return ask


async def test_a_reset_token_of_an_operator_works_once(place, ann, operator):
    account = await operator("GET", "/accounts?email=ann@example.org")
    token = (await operator("POST", f"/accounts/{account['accountId']}/reset-token", {}, status=201))["token"]
    body = {"token": token, "password": "better horse"}
    assert (await place.post("/auth/reset", body))[0] == 200
    await ann("GET", "/me", status=401)
    status, problem = await place.post("/auth/reset", body)
    assert (status, problem["reason"]) == (401, "reset-link")
    assert (await place.post("/auth/login", ANN | {"password": "better horse"}))[0] == 200


async def test_operators_change_plans_and_disable_accounts_and_viewers_may_not(place, ann, operator):
    path = f"/accounts/{ann.tokens['accountId']}"
    changed = await operator("PUT", f"{path}/plan", {"tier": "uhd", "streams": 4, "countries": ["de", "AT"]})
    assert changed["plan"] == {"tier": "uhd", "streams": 4, "countries": ["AT", "DE"]}
    await operator("PUT", f"{path}/plan", {"tier": "8k", "streams": 4}, status=400)
    await operator("PUT", "/accounts/a-nobody/plan", {"tier": "sd", "streams": 1}, status=404)
    await ann("PUT", f"{path}/plan", {"tier": "uhd", "streams": 9}, status=401)
    await operator("PUT", f"{path}/disabled", {"disabled": True})
    await ann("GET", "/me", status=401)
    status, problem = await place.post("/auth/login", ANN)
    assert (status, problem["reason"]) == (403, "account-disabled")
    await operator("PUT", f"{path}/disabled", {"disabled": False})
    assert (await place.post("/auth/login", ANN))[0] == 200


EVENT = {"type": "stop", "sessionId": "s1", "at": 1_800_000_000.0}


async def test_an_export_holds_what_every_store_has_and_no_password(place, ann):
    export = await ann("GET", "/me/export")
    assert export["account"]["email"] == "ann@example.org"
    assert {"account", "events", "recommend"} <= export.keys()
    assert "argon2" not in json.dumps(export)


async def test_after_an_erasure_no_file_of_the_services_holds_the_person(place, ann, tmp_path, operator):
    me = await ann("GET", "/me")
    traces = [me["email"], me["accountId"], me["profileId"], me["deviceId"], "Ann's TV"]
    assert (await ann("DELETE", "/me"))["status"] == "erased"
    await ann("GET", "/me", status=401)
    assert (await place.post("/auth/login", ANN))[0] == 401
    await operator("GET", f"/accounts/{me['accountId']}", status=404)
    for file in (path for path in (tmp_path / "data").rglob("*") if path.is_file()):
        held = file.read_bytes()
        assert not [trace for trace in traces if trace.encode() in held], file
    assert (await place.post("/accounts", ANN))[0] == 201
