"""Reset links by mail: they reach a real SMTP conversation, and a server that is away delays nothing else."""

import asyncio
from email import message_from_bytes

import structlog

from services.users.mail import MailServer, ResetMailer
from tests.doubles.clock import FakeClock


class SmtpServer:
    """Speaks enough of RFC 5321 to take mails; refuses the first `refusals` of them."""

    def __init__(self, refusals=0):
        self.mails = []
        self.refusals = refusals

    async def converse(self, reader, writer):
        writer.write(b"220 mail.test\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.split()[0].upper()
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                self.mails.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 taken\r\n")
            elif verb == "MAIL" and self.refusals:
                self.refusals -= 1
                writer.write(b"451 try later\r\n")
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
        writer.close()


async def run_mailer(server, clock):
    listening = await asyncio.start_server(server.converse, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    mailer = ResetMailer(MailServer("127.0.0.1", port, "film@example.org", tls=False), "https://film.example/", clock)
    mailer.send_reset("ann@example.org", "t0ken")
    with structlog.testing.capture_logs() as logged:
        async with listening, asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(mailer.run())
            while not server.mails:
                await clock.advance(5)
                await asyncio.sleep(0.001)
            running.cancel()
    return message_from_bytes(server.mails[0]), logged


async def test_a_link_is_mailed_whose_token_no_server_log_sees():
    mail, _ = await run_mailer(SmtpServer(), FakeClock())
    assert (mail["To"], mail["From"]) == ("ann@example.org", "film@example.org")
    assert "https://film.example/#/reset/t0ken" in mail.get_payload()


async def test_a_server_that_is_busy_is_tried_again_and_no_log_has_the_token():
    mail, logged = await run_mailer(SmtpServer(refusals=2), FakeClock())
    assert "t0ken" in mail.get_payload()
    assert [line["event"] for line in logged] == ["reset-mail-failed"] * 2
    assert "t0ken" not in str(logged)
    assert "ann@" not in str(logged)
