"""What a provider's refusal looks like; the flow itself is in test_oidc.py."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from kernel.errors import BadRequest
from services.users.oidc_routes import OidcRoutes


@pytest.mark.parametrize(("query", "reason"), [("error=access_denied", "log-in"), ("state=x", "parameter-missing")])
async def test_a_refusal_or_half_an_answer_logs_nobody_in(query, reason):
    request = make_mocked_request("GET", f"/auth/oidc/callback?{query}", app=web.Application())
    with pytest.raises(BadRequest) as refused:
        await OidcRoutes(None, None, "/").finish(request)
    assert refused.value.reason == reason
