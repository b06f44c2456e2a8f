"""Log in through an OpenID Connect provider of another site, from the page and back to it."""

import asyncio
import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.sync_api import expect
from yarl import URL

from system.clock import SystemClock
from tests.e2e.browsing import Viewer
from tests.e2e.conftest import ROOT, get, until
from tests.e2e.ports import free_port
from tests.services.users.test_oidc import Provider

pytestmark = [pytest.mark.needs("chromium")]


@pytest.fixture
def provider():
    """A provider whose viewer consents at once; by another host name than the page, so that cookies are cross-site."""
    loop, found = asyncio.new_event_loop(), Provider(SystemClock())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def authorize(request):
        back_to, query = found.consent(str(request.url))
        raise web.HTTPFound(URL(back_to).with_query(query))

    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", found.metadata)
    app.router.add_get("/jwks", found.jwks)
    app.router.add_get("/authorize", authorize)
    app.router.add_post("/token", found.token)
    server = TestServer(app)
    asyncio.run_coroutine_threadsafe(server.start_server(), loop).result(20)
    found.url = f"http://localhost:{server.port}"
    yield found
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def services(provider, tmp_path):
    """The services with this provider, and no CDN behind them."""
    secret = tmp_path / "secret"
    secret.write_text("the client's secret\n")
    secret.chmod(0o600)
    address = f"127.0.0.1:{free_port()}"
    command = [
        sys.executable,
        "-P",
        "-m",
        "tools.cli",
        "services",
        "--listen",
        address,
        "--data",
        str(tmp_path / "data"),
    ]
    command += ["--insecure-dev", "on", "--only", "catalogue,users,playback,events,gateway"]
    command += ["--oidc-issuer", provider.url, "--oidc-client-id", "matinee", "--oidc-client-secret-file", str(secret)]
    command += ["--public-url", f"http://{address}"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("MATINEE_")}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        page = f"http://{address}"
        assert b"ready" in process.stdout.readline()
        until(lambda: get(f"{page}/readyz").status == 200, "the services")
        yield SimpleNamespace(page=page)
        process.terminate()


def test_a_provider_logs_a_viewer_in(browser, services):
    viewer = Viewer(browser, services)
    viewer.go("#login")
    viewer.page.get_by_role("link", name="Log in with localhost").click()
    expect(viewer.page.get_by_role("navigation", name="Account")).to_contain_text("ann")
    expect(viewer.page.get_by_role("heading", name="Films")).to_be_visible()
    viewer.go("#account")
    expect(viewer.page.get_by_text("ann@example.org")).to_be_visible()
    expect(viewer.page.get_by_text("This device")).to_be_visible()
    viewer.page.get_by_role("button", name="Log out").first.click()
    expect(viewer.page.get_by_role("link", name="Log in")).to_be_visible()
    viewer.close()
