"""Who is asking: API keys, guests' cookies, other sites."""

import pytest

from kernel.errors import BadRequest
from services.http.caller import GUEST_COOKIE_SECONDS, Authenticator, Caller
from services.http.route import Access

GATE = Authenticator("k" * 40, b"secret")
GUEST = "guest-" + "0" * 32


def test_the_key_makes_an_operator_and_a_wrong_one_is_refused():
    assert GATE.authenticate("Bearer " + "k" * 40, None, 0).operator
    assert GATE.authenticate("bearer " + "k" * 40, None, 0).operator
    for wrong in ("Bearer x", "Basic " + "k" * 40, "Bearer", "", "Bearer é"):
        with pytest.raises(BadRequest) as caught:
            GATE.authenticate(wrong, None, 0)
        assert caught.value.status == 401
    assert not GATE.authenticate(None, None, 0).operator


def test_in_development_everybody_is_an_operator():
    assert Authenticator("k" * 40, b"s", insecure_dev=True).authenticate(None, None, 0).operator


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
        (Access.OPERATOR, False, False, False),
        (Access.INTERNAL, False, False, True),
    ],
)
def test_who_may_use_what(access, nobody, guest, here):
    assert Caller().may_use(access, on_this_machine=False) is nobody
    assert Caller(guest=GUEST).may_use(access, on_this_machine=False) is guest
    assert Caller().may_use(access, on_this_machine=True) is here
    assert Caller(operator=True).may_use(access, on_this_machine=False)
