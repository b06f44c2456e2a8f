"""Accounts over HTTP: sign up, log in, profiles, devices, leaving; and what operators may do with an account.

Over 300 lines because each route has its table entry, its body and its handler here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from httpd.openapi import Parameter
from httpd.problem import problem
from kernel.errors import BadRequest
from kernel.vocabulary import Tier
from services.http import params
from services.http.body_schema import schema_of
from services.http.caller import ACCESS_COOKIE, AccountCaller
from services.http.request_context import request_context
from services.http.route import Access, Route, json_response
from services.users.access_token import ACCESS_SECONDS, AccessClaims
from services.users.account import (
    INPUT_FAULT_SENTENCES,
    MAX_EMAIL,
    MAX_NAME,
    MAX_PASSWORD,
    MIN_PASSWORD,
    Account,
    Plan,
    Profile,
    check_language,
    check_name,
)
from services.users.route_schemas import (
    ACCOUNT_SCHEMA,
    DEVICES_SCHEMA,
    ME_SCHEMA,
    PROFILE_SCHEMA,
    TOKENS_SCHEMA,
)
from services.users.service import Tokens, UserService, Wait

T = TypeVar("T")

REFRESH_COOKIE = "matinee_refresh"
Word = Annotated[str, Meta(max_length=1000)]
Country = Annotated[str, Meta(pattern=r"^[A-Za-z]{2}\Z")]


class SignUp(Struct):
    """The body of POST /accounts."""

    email: Word
    password: Word
    country: Country | None = None
    device: Annotated[str, Meta(max_length=200)] = ""


class LogInBody(Struct, rename="camel"):
    """The body of POST /auth/login; `deviceId` of an earlier log-in keeps the device the same one."""

    email: Word
    password: Word
    device: Annotated[str, Meta(max_length=200)] = ""
    device_id: Annotated[str, Meta(max_length=64)] = ""


class RefreshBody(Struct, rename="camel"):
    """The body of POST /auth/refresh; the page has the token in a cookie."""

    refresh_token: Annotated[str, Meta(max_length=200)] = ""


class PasswordChange(Struct, rename="camel"):
    """The body of PUT /me/password."""

    current_password: Word
    new_password: Word


class ResetRequest(Struct):
    """The body of POST /auth/reset-request."""

    email: Word


class PasswordReset(Struct):
    """The body of POST /auth/reset."""

    token: Annotated[str, Meta(max_length=200)]
    password: Word


class ProfileBody(Struct, rename="camel"):
    """A profile; fields that are left out stay as they are."""

    name: Word | UnsetType = UNSET
    kids: bool | UnsetType = UNSET
    maturity: Annotated[int, Meta(ge=0, le=21)] | UnsetType | None = UNSET
    language: Word | UnsetType = UNSET
    subtitles: Word | UnsetType = UNSET
    data_saver: bool | UnsetType = UNSET
    consent: bool | UnsetType = UNSET


class PlanBody(Struct, forbid_unknown_fields=True):
    """The body of PUT /accounts/{accountId}/plan; `countries` null = everywhere."""

    tier: Tier
    streams: Annotated[int, Meta(ge=1, le=100)]
    countries: Annotated[list[Country], Meta(max_length=300)] | None = None


class DisabledBody(Struct, forbid_unknown_fields=True):
    """The body of PUT /accounts/{accountId}/disabled."""

    disabled: bool


NOTHING: dict[str, object] = {"description": "Any JSON; nothing is read of it."}
_FILTER: dict[str, object] = {"type": "string", "minLength": 1, "pattern": "^[^\\u0000]+$"}
NEW_PASSWORD = {
    "type": "string",
    "minLength": MIN_PASSWORD,
    "maxLength": MAX_PASSWORD,
    "pattern": "^(?!00000000$)[^\\u0000]*$",
    "description": "Some very common passwords are refused (`password-common`), among them eight zeros.",
}
SIGN_UP = schema_of(SignUp, email={"type": "string", "format": "email", "maxLength": MAX_EMAIL}, password=NEW_PASSWORD)
_NAME = {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": "^[ -~]*[!-~][ -~]*$"}
_LANGUAGE = {"type": "string", "pattern": "^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3})?$"}
PROFILE = schema_of(ProfileBody, name=_NAME, language=_LANGUAGE, subtitles=_LANGUAGE)
NAMED = {"required": ["name"]}
"""A new profile has a name; a change of one need not."""


class UserRoutes:
    """The routes of accounts."""

    def __init__(self, service: UserService) -> None:
        self._service = service

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (*self._log_in_routes(), *self._own_routes(), *self._operator_routes())

    def _log_in_routes(self) -> tuple[Route, ...]:
        anybody, account = Access.ANYBODY, Access.ACCOUNT
        return (
            Route("POST", "/accounts", self.sign_up, anybody, "Sign up", body=SIGN_UP, response=TOKENS_SCHEMA,
                  statuses=(201,), errors=(409, 429, 503)),
            Route("POST", "/auth/login", self.log_in, anybody, "Log in", body=schema_of(LogInBody),
                  response=TOKENS_SCHEMA, errors=(401, 403, 429, 503)),
            Route("POST", "/auth/refresh", self.refresh, anybody, "Exchange a refresh token for new tokens",
                  body=schema_of(RefreshBody),
                  response=TOKENS_SCHEMA, errors=(401, 429)),
            Route("POST", "/auth/logout", self.log_out, account, "End this log-in", body=NOTHING,
                  response={"type": "object"}),
            Route("POST", "/auth/reset-request", self.request_reset, anybody, "Ask for a link to set a new password",
                  body=schema_of(ResetRequest),
                  response={"type": "object"}, statuses=(202,), errors=(429,)),
            Route("POST", "/auth/reset", self.reset_password, anybody, "Set a new password by the token of a link",
                  body=schema_of(PasswordReset, password=NEW_PASSWORD), response={"type": "object"},
                  errors=(401, 429, 503)),
        )  # fmt: skip

    def _own_routes(self) -> tuple[Route, ...]:
        account = Access.ACCOUNT
        profile = (Parameter("profileId", "A profile of the account.", location="path"),)
        device = (Parameter("deviceId", "A device of the account.", location="path"),)
        return (
            Route("GET", "/me", self.get_me, account, "The account, its plan and profiles", response=ME_SCHEMA),
            Route("PUT", "/me/password", self.change_password, account, "Change the password",
                  body=schema_of(PasswordChange, newPassword=NEW_PASSWORD),
                  response={"type": "object"}, errors=(429, 503)),
            Route("POST", "/me/profiles", self.add_profile, account, "Add a profile", body=PROFILE | NAMED,
                  response=PROFILE_SCHEMA, statuses=(201,), errors=(409,)),
            Route("PUT", "/me/profiles/{profileId}", self.put_profile, account, "Change a profile", profile,
                  body=PROFILE, response=PROFILE_SCHEMA, errors=(404,)),
            Route("DELETE", "/me/profiles/{profileId}", self.delete_profile, account, "Delete a profile", profile,
                  response={"type": "object"}, statuses=(200, 202), errors=(404, 409)),
            Route("GET", "/me/devices", self.list_devices, account, "Devices that have logged in",
                  response=DEVICES_SCHEMA),
            Route("DELETE", "/me/devices/{deviceId}", self.delete_device, account, "Forget a device and end its log-in",
                  device, response={"type": "object"}, errors=(404,)),
            Route("GET", "/me/export", self.export_me, account, "Everything that is stored about this person",
                  response={"type": "object"}),
            Route("DELETE", "/me", self.delete_me, account, "Delete the account and everything about this person",
                  response={"type": "object"}, statuses=(200, 202)),
        )  # fmt: skip

    def _operator_routes(self) -> tuple[Route, ...]:
        one, operator = (Parameter("accountId", "An account.", location="path"),), Access.OPERATOR
        return (
            Route("GET", "/accounts", self.find_account, operator, "The account of an e-mail address",
                  (Parameter("email", "The address.", required=True, schema=_FILTER),), response=ACCOUNT_SCHEMA,
                  errors=(404,)),
            Route("GET", "/accounts/{accountId}", self.get_account, operator, "One account", one,
                  response=ACCOUNT_SCHEMA, errors=(404,)),
            Route("PUT", "/accounts/{accountId}/plan", self.put_plan, operator, "Change what an account may watch", one,
                  body=schema_of(PlanBody), response=ACCOUNT_SCHEMA, errors=(404,)),
            Route("PUT", "/accounts/{accountId}/disabled", self.put_disabled, operator, "Disable or enable an account",
                  one, body=schema_of(DisabledBody),
                  response=ACCOUNT_SCHEMA, errors=(404,)),
            Route("POST", "/accounts/{accountId}/reset-token", self.make_reset_token, operator,
                  "Make a one-time token with which the viewer sets a new password", one, body=NOTHING,
                  response={"type": "object"}, statuses=(201,), errors=(404,)),
            Route("DELETE", "/accounts/{accountId}", self.delete_account, operator, "Delete a person everywhere", one,
                  response={"type": "object"}, statuses=(200, 202), errors=(404,)),
        )  # fmt: skip

    # -- into an account ---------------------------------------------------------------------------------------

    async def sign_up(self, request: web.Request) -> web.StreamResponse:
        """Create an account and log in."""
        body = await params.body(request, SignUp)
        country = body.country.upper() if body.country else request_context(request).country
        made = self._service.sign_up(body.email, body.password, country, body.device, _address(request))
        return await _answer_tokens(request, made, 201)

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        """Log in by address and password."""
        body = await params.body(request, LogInBody)
        made = self._service.log_in(body.email, body.password, body.device_id, body.device, _address(request))
        return await _answer_tokens(request, made)

    async def refresh(self, request: web.Request) -> web.StreamResponse:
        """Exchange a refresh token, of the body or of the page's cookie."""
        token = (await params.body(request, RefreshBody)).refresh_token or request.cookies.get(REFRESH_COOKIE, "")
        return await _answer_tokens(request, self._service.refresh(token, _address(request)))

    async def log_out(self, request: web.Request) -> web.StreamResponse:
        """End the caller's log-in."""
        await self._service.log_out(_claims(_account(request)))
        response = json_response({"status": "logged-out"})
        response.del_cookie(ACCESS_COOKIE, path="/")
        response.del_cookie(REFRESH_COOKIE, path="/auth")
        return response

    async def request_reset(self, request: web.Request) -> web.StreamResponse:
        """Send a reset link; the answer is the same whether the address has an account or not."""
        body = await params.body(request, ResetRequest)
        done = self._service.request_reset(body.email, _address(request))
        return await _limited(done, lambda _: json_response({"status": "sent-if-known"}, status=202))

    async def reset_password(self, request: web.Request) -> web.StreamResponse:
        """Set a new password by the token of a link."""
        body = await params.body(request, PasswordReset)
        done = self._service.reset_password(body.token, body.password, _address(request))
        return await _limited(done, lambda _: json_response({"status": "changed"}))

    # -- one's own account -------------------------------------------------------------------------------------

    async def get_me(self, request: web.Request) -> web.Response:
        """The caller's account."""
        caller = _account(request)
        account = await self._service.get_account(caller.account_id)
        profiles = await self._service.store.profiles.list_profiles(caller.account_id)
        shown = account_json(account) | {"profileId": caller.profile_id, "deviceId": caller.device_id}
        return json_response(shown | {"profiles": [profile_json(profile) for profile in profiles]})

    async def change_password(self, request: web.Request) -> web.StreamResponse:
        """Change the password, and end every other log-in."""
        body = await params.body(request, PasswordChange)
        claims = _claims(_account(request))
        done = self._service.change_password(claims, body.current_password, body.new_password, _address(request))
        return await _limited(done, lambda _: json_response({"status": "changed"}))

    async def add_profile(self, request: web.Request) -> web.Response:
        """Add a profile."""
        profile = _changed(Profile("", ""), await params.body(request, ProfileBody))
        made = await self._service.add_profile(_account(request).account_id, profile)
        return json_response(profile_json(made), status=201)

    async def put_profile(self, request: web.Request) -> web.Response:
        """Change fields of a profile."""
        caller, wanted = _account(request), request.match_info["profileId"]
        body = await params.body(request, ProfileBody)
        for profile in await self._service.store.profiles.list_profiles(caller.account_id):
            if profile.profile_id == wanted:
                changed = _changed(profile, body)
                if await self._service.put_profile(caller.account_id, changed):
                    return json_response(profile_json(changed))
        raise BadRequest(404, "profile-unknown", "This account has no such profile.")

    async def delete_profile(self, request: web.Request) -> web.Response:
        """Delete a profile, but never the last one."""
        caller, wanted = _account(request), request.match_info["profileId"]
        finished = await self._service.delete_profile(caller.account_id, wanted)
        if finished is not None:
            return json_response({"status": "deleted" if finished else "deleting"}, status=200 if finished else 202)
        if any(one.profile_id == wanted for one in await self._service.store.profiles.list_profiles(caller.account_id)):
            raise BadRequest(409, "last-profile", "An account keeps at least one profile.")
        raise BadRequest(404, "profile-unknown", "This account has no such profile.")

    async def list_devices(self, request: web.Request) -> web.Response:
        """The account's devices."""
        caller = _account(request)
        return json_response(
            [
                {
                    "deviceId": device.device_id,
                    "id": device.device_id,
                    "name": device.name,
                    "created": device.created,
                    "seen": device.seen,
                    "current": device.device_id == caller.device_id,
                }
                for device in await self._service.store.log_ins.list_devices(caller.account_id)
            ]
        )

    async def delete_device(self, request: web.Request) -> web.Response:
        """Forget a device; its tokens are refused within a second everywhere."""
        if not await self._service.delete_device(_account(request).account_id, request.match_info["deviceId"]):
            raise BadRequest(404, "device-unknown", "This account has no such device.")
        return json_response({"status": "deleted"})

    async def export_me(self, request: web.Request) -> web.Response:
        """Everything about the caller, of every store."""
        response = json_response(await self._service.export_person(_account(request).account_id))
        response.headers["Content-Disposition"] = 'attachment; filename="matinee-export.json"'
        return response

    async def delete_me(self, request: web.Request) -> web.Response:
        """Delete the caller everywhere."""
        return await self._erase(_account(request).account_id)

    # -- operators ---------------------------------------------------------------------------------------------

    async def find_account(self, request: web.Request) -> web.Response:
        """The account of an address."""
        found = await self._service.store.accounts.find_credentials(params.required(request, "email"))
        return json_response(account_json(await self._service.get_account(found.account_id if found else "")))

    async def get_account(self, request: web.Request) -> web.Response:
        """One account."""
        return json_response(account_json(await self._service.get_account(request.match_info["accountId"])))

    async def put_plan(self, request: web.Request) -> web.Response:
        """Change a plan; running streams above it are started again in its quality within a second."""
        body = await params.body(request, PlanBody)
        countries = None if body.countries is None else tuple(sorted({one.upper() for one in body.countries}))
        account_id = request.match_info["accountId"]
        await self._service.set_plan(account_id, Plan(body.tier, body.streams, countries))
        return await self.get_account(request)

    async def put_disabled(self, request: web.Request) -> web.Response:
        """Disable or enable an account."""
        body = await params.body(request, DisabledBody)
        await self._service.disable_account(request.match_info["accountId"], disabled=body.disabled)
        return await self.get_account(request)

    async def make_reset_token(self, request: web.Request) -> web.Response:
        """A one-time token for a viewer who cannot get mail."""
        account = await self._service.get_account(request.match_info["accountId"])
        return json_response({"token": await self._service.make_reset_token(account.account_id)}, status=201)

    async def delete_account(self, request: web.Request) -> web.Response:
        """Delete a person everywhere."""
        return await self._erase(request.match_info["accountId"])

    async def _erase(self, account_id: str) -> web.Response:
        finished = await self._service.erase_person(account_id)
        # 202: a store was away; it is asked again until it has followed.
        return json_response({"status": "erased" if finished else "erasing"}, status=200 if finished else 202)


def account_json(account: Account) -> dict[str, Any]:
    """An account as JSON."""
    plan = {"tier": account.plan.tier, "streams": account.plan.streams, "countries": account.plan.countries}
    return {
        "accountId": account.account_id,
        "email": account.email,
        "country": account.country,
        "plan": plan,
        "created": account.created,
        "disabled": account.disabled,
    }


def profile_json(profile: Profile) -> dict[str, Any]:
    """A profile as JSON."""
    return {
        "profileId": profile.profile_id,
        "name": profile.name,
        "kids": profile.kids,
        "maturity": profile.maturity,
        "language": profile.language,
        "subtitles": profile.subtitles,
        "dataSaver": profile.data_saver,
        "consent": profile.consent,
    }


def _changed(profile: Profile, body: ProfileBody) -> Profile:
    given = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}
    changed = Profile(**({name: getattr(profile, name) for name in Profile.__slots__} | given))
    fault = check_name(changed.name) or check_language(changed.language) or check_language(changed.subtitles)
    if fault is not None:
        raise BadRequest(400, fault.value, INPUT_FAULT_SENTENCES[fault])
    return changed


def _account(request: web.Request) -> AccountCaller:
    caller = request_context(request).caller.account
    if caller is None:
        raise BadRequest(401, "log-in", "Log in first.")
    return caller


def _claims(caller: AccountCaller) -> AccessClaims:
    return AccessClaims(caller.account_id, caller.profiles, caller.device_id, caller.family, 0.0, 0.0)


def _address(request: web.Request) -> str:
    return str(request_context(request).address)


def set_cookies(request: web.Request, response: web.Response, tokens: Tokens) -> None:
    """Log the page in: Strict, and out of reach of scripts, so that a hostile page can neither send nor read them."""
    options: dict[str, Any] = {"httponly": True, "samesite": "Strict", "secure": request_context(request).secure}
    response.set_cookie(ACCESS_COOKIE, tokens.access_token, max_age=int(ACCESS_SECONDS), path="/", **options)
    response.set_cookie(REFRESH_COOKIE, tokens.refresh_token, max_age=180 * 86_400, path="/auth", **options)


async def _answer_tokens(request: web.Request, work: Awaitable[Tokens], status: int = 200) -> web.StreamResponse:
    def respond(tokens: Tokens) -> web.Response:
        response = json_response(
            {
                "accountId": tokens.account_id,
                "profileId": tokens.profile_id,
                "deviceId": tokens.device_id,
                "accessToken": tokens.access_token,
                "refreshToken": tokens.refresh_token,
                "expiresIn": int(ACCESS_SECONDS),
            },
            status=status,
        )
        set_cookies(request, response, tokens)
        return response

    return await _limited(work, respond)


async def _limited(work: Awaitable[T], respond: Callable[[T], web.Response]) -> web.Response:
    try:
        return respond(await work)
    except Wait as wait:
        seconds = str(max(1, round(wait.seconds)))
        detail = f"Too many tries: wait {seconds} seconds and try again."
        return problem(429, "too-many-tries", detail, headers={"Retry-After": seconds})
