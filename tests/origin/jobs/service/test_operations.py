"""The description is of what is answered."""

from origin.jobs.service.ingest_service import IngestBody
from origin.jobs.service.operations import OPERATIONS, schema_of


async def test_every_operation_has_a_route_and_every_route_an_operation(origin):
    routes = {
        (route.method, route.resource.canonical.replace("{content}", "{contentId}").replace("{job}", "{jobId}"))
        for route in origin.app.router.routes()
        if route.resource.canonical.startswith("/content/") and "work" not in route.resource.canonical.split("/")
    }
    uploads = {(method, path) for method, path in routes if method == "*"}
    described = {(one.method, one.path) for one in OPERATIONS if "uploads" not in one.path}
    assert described == {(method, path) for method, path in routes - uploads if method != "HEAD"}
    assert {one.path for one in OPERATIONS if "uploads" in one.path} == {path for _, path in uploads}
    document = (await origin.get("/openapi.json"))[1]
    assert document["paths"]["/content/ingest"]["post"]["security"] == [{"apiKey": []}]


def test_the_schema_of_a_body():
    schema = schema_of(IngestBody)
    assert {"title", "fileLocation", "metadata"} <= set(schema["properties"])
    assert schema["properties"]["priority"]["maximum"] == 100
