"""Who is asking: API keys, guests' cookies, other sites."""

import pytest

from kernel.errors import BadRequest
from services.http.caller import GUEST_COOKIE_SECONDS, AccountCaller, Authenticator, Caller
from services.http.route import Access

GATE = Authenticator("k" * 40, b"secret")
GUEST = "guest-" + "0" * 32


def authenticate(gate=GATE, authorization=None, profile=None, **cookies):
    headers = {"Authorization": authorization} if authorization is not None else {}
    return gate.authenticate(headers | ({"X-Profile": profile} if profile else {}), cookies, 0)


def test_the_key_makes_an_operator_and_a_wrong_one_is_refused():
    assert authenticate(authorization="Bearer " + "k" * 40).operator
    assert authenticate(authorization="bearer " + "k" * 40).operator
    for wrong in ("Bearer x", "Basic " + "k" * 40, "Bearer", "", "Bearer é"):
        with pytest.raises(BadRequest) as caught:
            authenticate(authorization=wrong)
        assert (caught.value.status, caught.value.reason) == (401, "api-key")
    assert not authenticate().operator


ANN = AccountCaller("a-1", "p-1", ("p-1", "p-2"), "d-1", "f-1")
WITH_ACCOUNTS = Authenticator("k" * 40, b"secret", verify_access={"good.access.token": ANN}.get)


def test_an_access_token_makes_a_viewer_as_the_profile_that_they_pick():
    for caller in (
        authenticate(WITH_ACCOUNTS, "Bearer good.access.token", "p-2"),
        authenticate(WITH_ACCOUNTS, None, "p-2", matinee_access="good.access.token"),
    ):
        assert (caller.operator, caller.subject, caller.account.account_id) == (False, "p-2", "a-1")
    assert authenticate(WITH_ACCOUNTS, "Bearer good.access.token").subject == "p-1"
    with pytest.raises(BadRequest) as caught:
        authenticate(WITH_ACCOUNTS, "Bearer good.access.token", "p-3")
    assert caught.value.reason == "profile-not-yours"


def test_a_bad_token_is_refused_in_the_header_and_ignored_in_the_cookie():
    for gate in (WITH_ACCOUNTS, GATE):
        with pytest.raises(BadRequest) as caught:
            authenticate(gate, "Bearer bad.access.token")
        assert (caught.value.status, caught.value.reason) == (401, "log-in")
        assert authenticate(gate, matinee_access="bad.access.token") == Caller()


def test_in_development_everybody_is_an_operator_but_a_viewer_who_has_logged_in():
    gate = Authenticator("k" * 40, b"s", insecure_dev=True, verify_access=WITH_ACCOUNTS.verify_access)
    assert authenticate(gate).operator
    assert not authenticate(gate, matinee_access="good.access.token").operator


def test_a_cookie_holds_for_its_guest_and_its_time():
    cookie = GATE.make_cookie(GUEST, 1_800_000_000)
    assert GATE.verify_cookie(cookie, 1_800_000_000) == GUEST
    assert GATE.verify_cookie(cookie, 1_800_000_000 + GUEST_COOKIE_SECONDS) is None
    assert GATE.verify_cookie(cookie.replace("guest-0", "guest-1"), 1_800_000_000) is None
    assert Authenticator("k", b"other").verify_cookie(cookie, 1_800_000_000) is None
    for bad in ("", "x", cookie + "0", cookie[:-1]):
        assert GATE.verify_cookie(bad, 0) is None


def test_a_guest_speaks_for_itself_alone_and_an_operator_for_anybody():
    guest, operator = Caller(guest=GUEST), Caller(operator=True)
    assert guest.acting_user(None) == guest.acting_user(GUEST) == GUEST
    with pytest.raises(BadRequest) as caught:
        guest.acting_user("somebody")
    assert caught.value.status == 403
    assert operator.acting_user("somebody") == "somebody"
    with pytest.raises(BadRequest):
        operator.acting_user(None)


@pytest.mark.parametrize(
    ("access", "nobody", "guest", "here"),
    [
        (Access.ANYBODY, True, True, True),
        (Access.VIEWER, False, True, False),
        (Access.ACCOUNT, False, False, False),
        (Access.OPERATOR, False, False, False),
        (Access.INTERNAL, False, False, True),
    ],
)
def test_who_may_use_what(access, nobody, guest, here):
    assert Caller().may_use(access, on_this_machine=False) is nobody
    assert Caller(guest=GUEST).may_use(access, on_this_machine=False) is guest
    assert Caller().may_use(access, on_this_machine=True) is here
    assert Caller(account=ANN).may_use(access, on_this_machine=False) is (guest or access is Access.ACCOUNT)
    assert Caller(operator=True).may_use(access, on_this_machine=False) is (access is not Access.ACCOUNT)
