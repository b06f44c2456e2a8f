"""Errors over HTTP."""

import json

from origin.serve.problem import problem


def test_a_problem_document():
    """RFC 9457 with a reason word, never cached, fields of its own kept."""
    answer = problem(503, "busy", "Later.", {"Retry-After": "1"})
    assert json.loads(answer.body) == {
        "type": "urn:matinee:problem:busy",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "Later.",
        "reason": "busy",
    }
    assert answer.content_type == "application/problem+json"
    assert (answer.headers["Cache-Control"], answer.headers["Retry-After"]) == ("no-store", "1")
