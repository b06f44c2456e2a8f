"""GET /auth/oidc/start and /auth/oidc/callback: the way to a log-in provider and back."""

from __future__ import annotations

from typing import Protocol

from aiohttp import web

from httpd.openapi import Parameter
from kernel.errors import BadRequest
from services.http import params
from services.http.request_context import request_context
from services.http.route import Access, Route
from services.users.routes import set_cookies
from services.users.service import UserService

COOKIE = "matinee_oidc"
PATH = "/auth/oidc"


class LogInProvider(Protocol):
    """An OpenID Connect provider."""

    @property
    def issuer(self) -> str:
        """The provider's name."""

    async def start(self) -> tuple[str, str]:
        """(where to send the viewer, the value of the cookie to set)."""

    async def finish(self, code: str, state: str, cookie: str) -> str:
        """The verified e-mail address of the viewer whom the provider sent back."""


class OidcRoutes:
    """The two redirects; `page` is where the viewer arrives when they are logged in."""

    def __init__(self, service: UserService, provider: LogInProvider, page: str) -> None:
        self._service = service
        self._provider = provider
        self._page = page

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        back = (Parameter("code", "The provider's code."), Parameter("state", "What was sent to the provider."))
        return (
            Route("GET", f"{PATH}/start", self.start, Access.ANYBODY, "Log in through the provider", statuses=(303,),
                  errors=(502,)),
            Route("GET", f"{PATH}/callback", self.finish, Access.ANYBODY, "The way back from the provider", back,
                  statuses=(303,), errors=(400, 401, 403, 502)),
        )  # fmt: skip

    async def start(self, request: web.Request) -> web.Response:
        """Send the viewer to the provider."""
        url, cookie = await self._provider.start()
        response = web.Response(status=303, headers={"Location": url, "Cache-Control": "no-store"})
        # Lax: the way back comes from the provider's site, where a Strict cookie would not be sent.
        response.set_cookie(
            COOKIE, cookie, max_age=600, path=PATH, httponly=True, samesite="Lax",
            secure=request_context(request).secure,
        )  # fmt: skip
        return response

    async def finish(self, request: web.Request) -> web.Response:
        """Log in the viewer whom the provider vouches for."""
        if params.text(request, "error"):
            raise BadRequest(401, "log-in", "The log-in provider did not confirm this log-in.")
        code, state = params.required(request, "code"), params.required(request, "state")
        email = await self._provider.finish(code, state, request.cookies.get(COOKIE, ""))
        country = request_context(request).country
        tokens = await self._service.log_in_by_provider(email, self._provider.issuer, country, "")
        response = web.Response(status=303, headers={"Location": self._page, "Cache-Control": "no-store"})
        set_cookies(request, response, tokens)
        response.del_cookie(COOKIE, path=PATH)
        return response
