"""Who plays as what: accounts, guests, operators."""

import pytest

from kernel.vocabulary import Tier
from services.http.caller import AccountCaller, Caller
from services.playback.viewer import OPERATOR_PLAN, Viewer, ViewerFinder, ViewerPlan, owner_of

GUEST_PLAN = ViewerPlan(Tier.SD, 1)
ACCOUNT = AccountCaller("acc", "p", ("p",), "d", "f")
ANN = Viewer("acc", "p", ViewerPlan(Tier.HD, 2))


class Users:
    async def viewer(self, caller, device):
        return ANN if caller == ACCOUNT else None

    async def plans(self, account_ids):
        return {"acc": ANN.plan} if "acc" in account_ids else {}


@pytest.mark.parametrize(
    ("caller", "guests", "expected"),
    [
        (Caller(account=ACCOUNT), None, ("acc", ANN.plan)),
        (Caller(guest="guest-1", account=ACCOUNT), GUEST_PLAN, ("acc", ANN.plan)),
        (Caller(guest="guest-1"), GUEST_PLAN, ("guest-1", GUEST_PLAN)),
        (Caller(guest="guest-1"), None, None),
        (Caller(), GUEST_PLAN, None),
        (Caller(operator=True), None, ("", OPERATOR_PLAN)),
        (Caller(operator=True, guest="guest-1"), GUEST_PLAN, ("", OPERATOR_PLAN)),
    ],
)
async def test_who_may_play_and_by_which_plan(caller, guests, expected):
    viewer = await ViewerFinder(Users(), guests).find(caller, None)
    assert (None if viewer is None else (viewer.account_id, viewer.plan)) == expected


async def test_plans_of_guests_end_with_the_setting():
    owners = ["acc", "guest-1", "gone"]
    assert await ViewerFinder(Users(), GUEST_PLAN).plans(owners) == {"acc": ANN.plan, "guest-1": GUEST_PLAN}
    assert await ViewerFinder(Users(), None).plans(owners) == {"acc": ANN.plan}
    assert await ViewerFinder(None, None).plans(owners) == {}


def test_only_operators_own_everything():
    assert owner_of(Caller(operator=True)) is None
    assert owner_of(Caller(operator=False, guest="guest-1")) == "guest-1"
    assert owner_of(Caller(account=ACCOUNT)) == "acc"
    assert owner_of(Caller()) == ""
