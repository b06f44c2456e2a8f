"""The description names what is there."""

from origin.serve.openapi import DOCUMENT


def test_every_path_has_an_operation():
    """With its answers, and the parameters its path names."""
    for path, item in DOCUMENT["paths"].items():
        for operation in item.values():
            named = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}
            assert any(status.startswith("2") for status in operation["responses"])
