"""The description names what is there."""

from origin.serve.openapi import DOCUMENT


def test_every_path_has_an_operation():
    """With its answers, and the parameters its path names."""
    for path, item in DOCUMENT["paths"].items():
        named = {one["name"] for one in item["get"].get("parameters", [])}
        assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}
        assert "200" in item["get"]["responses"]
