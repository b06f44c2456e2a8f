"""JSON answers."""

import json

from services.http.route import json_response


def test_an_answer_is_json_and_is_not_stored_unless_said():
    made = json_response({"a": ["ü"]})
    assert json.loads(made.body) == {"a": ["ü"]}
    assert made.headers["Cache-Control"] == "no-store"
    assert json_response([], cache="max-age=5").headers["Cache-Control"] == "max-age=5"
