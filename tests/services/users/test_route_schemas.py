"""What /openapi.json says of accounts is what the routes answer."""

from kernel.vocabulary import Tier
from services.users.account import Account, Plan, Profile
from services.users.route_schemas import ACCOUNT_SCHEMA, PROFILE_SCHEMA
from services.users.routes import account_json, profile_json


def test_each_field_of_an_answer_is_described():
    account = account_json(Account("a-1", "ann@example.org", "DE", Plan(Tier.HD, 2), 1.0))
    assert account.keys() == ACCOUNT_SCHEMA["properties"].keys()
    assert account["plan"].keys() == ACCOUNT_SCHEMA["properties"]["plan"]["properties"].keys()
    assert profile_json(Profile("p-1", "Ann")).keys() == PROFILE_SCHEMA["properties"].keys()
