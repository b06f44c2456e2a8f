"""Problem documents."""

import json

from httpd.problem import problem


def test_a_problem_has_the_fields_of_rfc_9457_and_a_reason():
    made = problem(451, "country", "Not here.", extra=1)
    assert made.content_type == "application/problem+json"
    assert json.loads(made.body) == {
        "type": "urn:matinee:problem:country", "title": "Unavailable For Legal Reasons", "status": 451,
        "reason": "country", "detail": "Not here.", "extra": 1,
    }  # fmt: skip
    assert made.headers["Cache-Control"] == "no-store"


def test_a_status_without_a_phrase_is_an_error():
    assert json.loads(problem(599, "x", "y").body)["title"] == "Error"
