"""Tokens over REST."""

from __future__ import annotations

from control.trust.enrolment import Enrolment
from tests.certificates import fleet_authority


async def test_a_token_is_shown_once(api) -> None:
    api.plane.enrolment = Enrolment(api.plane.store, fleet_authority(), api.plane.clock, 600)
    told = await api("POST", "/v1/enrolments", {"id": "e5", "region": "eu", "ttl": "2h"}, status=201)
    assert told["token"].startswith("mtn1-")
    assert (told["id"], told["role"], told["region"]) == ("e5", "edge", "eu")
    revisions = await api("GET", "/v1/revisions")
    audit = await api("GET", "/v1/audit")
    assert (audit["audit"][0]["action"], audit["audit"][0]["target"]) == ("enrolment.make", "e5")
    assert told["token"] not in str(revisions) + str(audit)
    await api("POST", "/v1/enrolments", {"id": "no id"}, status=400)


async def test_a_control_in_plain_text_has_nothing_to_join(api) -> None:
    told = await api("POST", "/v1/enrolments", {"id": "e5"}, status=409)
    assert "--tls" in told["detail"]
