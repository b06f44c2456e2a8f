"""OpenAPI documents: every parameter of a path is described, problems refer to one schema."""

from httpd.openapi import API_KEY, Operation, Parameter, make_document


def test_an_operation_has_its_parameters_responses_and_security():
    get = Operation(
        "GET",
        "/a/{id}/{part}",
        "One",
        (Parameter("part", "Its part.", location="path"), Parameter("limit", schema={"type": "integer"})),
        response_schema={"type": "object"},
        errors={"404": "Not found"},
        security=("apiKey",),
        extensions={"x-role": "viewer"},
    )
    post = Operation("POST", "/a", "Make", body={"type": "array"}, responses={"201": "Made"}, operation_id="make")
    document = make_document("T", "1", [get, post], security_schemes={"apiKey": API_KEY})
    made = document["paths"]["/a/{id}/{part}"]["get"]
    assert [(one["name"], one["in"], one["required"]) for one in made["parameters"]] == [
        ("id", "path", True),
        ("part", "path", True),
        ("limit", "query", False),
    ]
    assert made["responses"]["200"]["content"] == {"application/json": {"schema": {"type": "object"}}}
    assert "application/problem+json" in made["responses"]["404"]["content"]
    assert (made["security"], made["x-role"]) == ([{"apiKey": []}], "viewer")
    assert "Problem" in document["components"]["schemas"]
    made = document["paths"]["/a"]["post"]
    assert (made["operationId"], made["security"], set(made["responses"])) == ("make", [], {"201", "default"})
    assert made["requestBody"]["content"]["application/json"]["schema"] == {"type": "array"}
