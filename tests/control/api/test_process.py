"""Control's HTTP door: the process itself."""

from __future__ import annotations


async def test_health_readiness_and_the_document_are_open(api) -> None:
    assert (await api("GET", "/healthz", key=""))["status"] == "ok"
    assert (await api("GET", "/readyz", key=""))["status"] == "ready"
    assert "/v1/titles/{contentId}" in (await api("GET", "/openapi.json", key=""))["paths"]
    api.ready = False
    await api("GET", "/readyz", status=503, key="")


async def test_metrics_are_for_this_machine_or_the_key(api) -> None:
    async with api.client.get("/metrics") as response:
        assert "matinee_control_edges_connected 0" in await response.text()
    async with api.client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}) as response:
        assert response.status == 401
