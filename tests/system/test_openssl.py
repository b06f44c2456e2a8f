"""What is set in OpenSSL past Python; that it works is shown in tests/edge/serve/test_viewer_tls.py."""

from __future__ import annotations

import ssl

import pytest

from system.openssl import TICKET_KEY_BYTES, set_ticket_keys
from system.ticket_keys import PERIOD_SECONDS, keys_of, period_of, seconds_left


def test_keys_of_another_size_are_not_set() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    set_ticket_keys(context, bytes(TICKET_KEY_BYTES))
    with pytest.raises(OSError, match="keys"):
        set_ticket_keys(context, b"short")


def test_the_keys_change_with_the_period_and_the_secret() -> None:
    made = {keys_of(secret, period) for secret in (b"a" * 32, b"b" * 32) for period in (1, 2)}
    assert (len(made), {len(keys) for keys in made}) == (4, {TICKET_KEY_BYTES})
    assert seconds_left(PERIOD_SECONDS * 3 + 10) == PERIOD_SECONDS - 10
    assert period_of(PERIOD_SECONDS * 3 + 10) == 3
