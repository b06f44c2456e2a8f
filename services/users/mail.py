"""Sends reset links by SMTP from one task; a mail server that is down delays mail and nothing else."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import quote

import structlog

from kernel.clock import Clock
from system.clock import sleep

log = structlog.get_logger()

MAX_WAITING = 1_000
SMTP_SECONDS = 20.0
TRIES = 4
RETRY_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in. `password` "" = without logging in; `tls` starts TLS first."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = ""
    tls: bool = True


class ResetMailer:
    """Queues reset links; `run` is its task. `public_url`: where viewers reach the page."""

    def __init__(self, server: MailServer, public_url: str, clock: Clock) -> None:
        self._server = server
        self._public_url = public_url.rstrip("/")
        self._clock = clock
        self._waiting: asyncio.Queue[EmailMessage] = asyncio.Queue(MAX_WAITING)

    def send_reset(self, email: str, token: str) -> None:
        """Queue a mail with the link; it is dropped, with a warning, when a thousand wait."""
        message = EmailMessage()
        message["Subject"] = "Set a new password"
        message["From"] = self._server.sender
        message["To"] = email
        # The token is in the fragment, which browsers send to no server: it lands in no access log.
        message.set_content(
            "Somebody asked to set a new password for your account. If that was you, open this link within an hour:\n\n"
            f"{self._public_url}/#/reset/{quote(token)}\n\n"
            "If it was not you, ignore this mail: nothing has changed.\n"
        )
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:
            log.warning("reset-mail-dropped", waiting=MAX_WAITING)

    async def run(self) -> None:
        """Send what is queued, for ever; a mail is given up after four tries."""
        while True:
            message = await self._waiting.get()
            for attempt in range(1, TRIES + 1):
                try:
                    await asyncio.to_thread(self._send, message)
                    break
                except (OSError, smtplib.SMTPException) as error:
                    # Not the message, which holds the token and an address.
                    log.warning("reset-mail-failed", attempt=attempt, error=type(error).__name__)
                    await sleep(self._clock, RETRY_SECONDS * attempt)

    def _send(self, message: EmailMessage) -> None:
        server = self._server
        with smtplib.SMTP(server.host, server.port, timeout=SMTP_SECONDS) as connection:
            if server.tls:
                connection.starttls(context=ssl.create_default_context())
            if server.password:
                connection.login(server.user or server.sender, server.password)
            connection.send_message(message)
