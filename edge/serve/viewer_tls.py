"""TLS of the port that viewers connect to: certificates by name, session tickets, and their renewal while it runs.

The keys of session tickets are made from a secret and the time (`system.ticket_keys`): processes and nodes that have
the same secret resume one another's sessions, and change their keys at the same moment. A ticket from before the change
means one full handshake.
"""

from __future__ import annotations

import os
import ssl

from edge.serve.listener import alpn_of
from edge.settings import EdgeSettings
from kernel.clock import Clock, Timer
from kernel.errors import BadSettings
from system.openssl import choose_by_name, prefer_short_keys, set_ticket_keys
from system.private_files import read_secret
from system.server_tls import names_of, renew_certificate, tls_context
from system.ticket_keys import MIN_SECRET_BYTES, keys_of, period_of, seconds_left

MAX_SECRET_BYTES = 4096


class ViewerTls:
    """See the module. `context` is the listener's. `secret`: of the processes that share tickets, unless a setting
    names a file."""

    def __init__(self, settings: EdgeSettings, clock: Clock, secret: bytes | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._secret = secret or os.urandom(MIN_SECRET_BYTES)
        self._timer: Timer | None = None
        self._named = [(file, tls_context(file, file, *self._options)) for file in settings.tls_sni]
        if settings.tls_cert is None or settings.tls_key is None:
            raise BadSettings("tls_cert", "is not set")
        self.context = tls_context(settings.tls_cert, settings.tls_key, *self._options)
        self._by_name, self._secret = self._names(), self._read_secret()
        try:
            prefer_short_keys(self.context)
            if self._named:
                choose_by_name(self.context, self.certificate_for)
            self._set_ticket_keys()
        except OSError as error:
            raise BadSettings("tls_cert", str(error)) from None

    @property
    def _options(self) -> tuple[tuple[str, ...], str, str | None]:
        settings = self._settings
        return alpn_of(settings), settings.tls_min, settings.tls_ciphers

    def _names(self) -> dict[str, ssl.SSLContext]:
        return {name: context for file, context in reversed(self._named) for name in names_of(file)}

    def certificate_for(self, name: str) -> ssl.SSLContext | None:
        """The context with a certificate for this host name, exactly or by a wildcard; None: the first certificate."""
        found = self._by_name.get(name)
        return found if found is not None else self._by_name.get("*." + name.partition(".")[2])

    def reload(self) -> None:
        """Use what the files hold now, for new handshakes. BadSettings, and nothing changes, if one cannot be used."""
        settings = self._settings
        if settings.tls_cert is None or settings.tls_key is None:
            return
        pairs = [(self.context, settings.tls_cert, settings.tls_key), *((one, file, file) for file, one in self._named)]
        for _, certificate, key in pairs:
            tls_context(certificate, key)  # all of them can be used
        by_name, self._secret = self._names(), self._read_secret()
        for context, certificate, key in pairs:
            renew_certificate(context, certificate, key)
        self._by_name = by_name
        self._set_ticket_keys()

    def _read_secret(self) -> bytes:
        file = self._settings.tls_ticket_secret
        if file is None:
            return self._secret
        secret = read_secret(file, "tls_ticket_secret", MAX_SECRET_BYTES)
        if len(secret) < MIN_SECRET_BYTES:
            raise BadSettings("tls_ticket_secret", f"{file} has fewer than {MIN_SECRET_BYTES} bytes")
        return secret

    def _set_ticket_keys(self) -> None:
        """Put the keys of this period in force, and the next ones when it ends."""
        wall = self._clock.wall()
        set_ticket_keys(self.context, keys_of(self._secret, period_of(wall)))
        self.stop()
        self._timer = self._clock.call_later(seconds_left(wall), self._set_ticket_keys)

    def stop(self) -> None:
        """Change the keys no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
