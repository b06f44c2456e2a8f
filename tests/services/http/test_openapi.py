"""The description is made of the routes."""

from httpd.openapi import Parameter
from services.http.openapi import describe
from services.http.route import Access, Route


async def handler(request):
    raise NotImplementedError


def test_routes_are_described_and_hidden_ones_not():
    routes = [
        Route(
            "GET", "/a/{id}", handler, Access.VIEWER, "One", (Parameter("id", "It.", location="path"),), errors=(404,)
        ),
        Route("POST", "/a", handler, Access.OPERATOR, "Make", body={"type": "object"}, response={"type": "object"}),
        Route("GET", "/", handler, Access.ANYBODY, "Page", hidden=True),
        Route("GET", "/open", handler, Access.ANYBODY, "For everybody"),
        Route("GET", "/list", handler, Access.VIEWER, "Where one is", (Parameter("country"),)),
    ]
    made = describe(routes, "1.0")
    assert made["openapi"] == "3.1.0"
    assert set(made["paths"]) == {"/a/{id}", "/a", "/open", "/list"}
    get, post = made["paths"]["/a/{id}"]["get"], made["paths"]["/a"]["post"]
    assert set(get["responses"]) == {"200", "400", "401", "404"}
    assert get["parameters"][0]["required"]
    assert set(made["paths"]["/list"]["get"]["responses"]) == {"200", "400", "401", "403"}, "the country of others"
    everybody = made["paths"]["/open"]["get"]
    assert (everybody["security"], set(everybody["responses"])) == ([], {"200", "401"}), "a wrong key is told"
    assert post["security"] == [{"apiKey": []}]
    assert post["requestBody"]["required"]


async def test_the_running_services_describe_what_they_answer(start):
    place = await start()
    status, made = await place.get("/openapi.json")
    assert status == 200
    assert {
        "/titles", "/titles/{contentId}", "/titles/{contentId}/licence", "/playback/start", "/playback/heartbeat",
        "/search", "/recommendations", "/recommendations/feedback", "/healthz", "/viewer",
    } <= set(made["paths"])  # fmt: skip
