"""No page of another site changes anything: every route that changes something, as a browser would send it."""

import re


async def test_no_route_that_changes_something_is_reached_from_another_site(start):
    place = await start(edges="http://127.0.0.1:1")
    _, document = await place.get("/openapi.json")
    changing = [
        (method.upper(), re.sub(r"{\w+}", "x", path), operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in ("post", "put", "delete")
    ]
    assert len(changing) > 25
    for method, path, operation in changing:
        kinds = list(operation.get("requestBody", {}).get("content", {"application/json": None}))
        for fields in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            headers = {"Content-Type": kinds[0]} | fields
            async with place.client.request(method, path, data=b"{}", headers=headers) as answer:
                found = await answer.json(content_type=None)
            assert (answer.status, found["reason"]) == (403, "cross-site"), (method, path)
