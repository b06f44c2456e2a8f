"""Plans and profiles as columns of the tables of accounts. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kernel.vocabulary import Tier
from services.users.account import Plan, Profile


def read_plan(tier: str, streams: int, countries: str | None) -> Plan:
    """The plan of an account's columns."""
    return Plan(Tier(tier), streams, None if countries is None else tuple(json.loads(countries)))


def plan_columns(plan: Plan) -> dict[str, Any]:
    """The columns of a plan in the table of accounts."""
    countries = None if plan.countries is None else json.dumps(plan.countries)
    return {"tier": plan.tier.value, "streams": plan.streams, "plan_countries": countries}


def read_profile(row: Mapping[Any, Any]) -> Profile:
    """The profile of a row."""
    return Profile(
        row["profile_id"],
        row["name"],
        bool(row["kids"]),
        row["maturity"],
        row["language"],
        row["subtitles"],
        bool(row["data_saver"]),
        bool(row["consent"]),
    )


def profile_row(account_id: str, number: int, profile: Profile) -> dict[str, Any]:
    """The row of an account's profile."""
    row = profile_values(profile) | {"account_id": account_id, "number": number}
    return row | {name: int(row[name]) for name in ("kids", "data_saver", "consent")}


def profile_values(profile: Profile) -> dict[str, Any]:
    """A profile's fields by name."""
    return {name: getattr(profile, name) for name in Profile.__slots__}
