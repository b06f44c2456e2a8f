"""What the event loop and the libraries have to say: structured, counted, bounded."""

import errno
import json
import logging
import ssl
from collections import Counter

import pytest
import structlog

from edge.process_log import configure_log, kind_of_error, loop_exception_handler


@pytest.fixture(autouse=True)
def _as_before():
    before, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    yield
    structlog.configure(**before)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "descriptors"),
        (ssl.SSLError(1, "unexpected eof"), "handshake"),
        (ConnectionAbortedError("SSL handshake is taking longer than 10.0 seconds"), "handshake"),
        (ConnectionResetError(), "connection"), (TimeoutError(), "connection"), (ZeroDivisionError(), "bug"),
        (None, "bug"),
    ],
)  # fmt: skip
def test_whose_fault_an_error_is(error, kind):
    assert kind_of_error(error) == kind


def test_a_flood_of_errors_leaves_a_small_log(capfd):
    """20 seconds of accept failing wrote 31 MB of tracebacks."""
    rate, counted = configure_log(lambda: 0.0), Counter()
    handle = loop_exception_handler(lambda kind: counted.update([kind]))
    try:
        raise ZeroDivisionError
    except ZeroDivisionError as error:
        bug = error
    for _ in range(10_000):
        handle(None, {"message": "accept failed", "exception": OSError(errno.EMFILE, "Too many open files")})
        handle(None, {"message": "in a callback", "exception": bug})
        handle(None, {"message": "gone", "exception": ConnectionResetError()})
        logging.getLogger("asyncio").error("socket.accept() of %s", "a socket", exc_info=bug)
    written = capfd.readouterr().err
    assert len(written) < 64 * 1024
    assert {json.loads(line)["event"] for line in written.splitlines()} == {
        "event-loop-error", "bug-in-event-loop", "socket.accept() of %s",
    }  # fmt: skip
    assert counted == {"descriptors": 10_000, "bug": 10_000, "connection": 10_000}
    assert rate.left_out == 30_000 - len(written.splitlines())


def test_a_log_that_nobody_reads_breaks_nothing(monkeypatch):
    configure_log(lambda: 0.0)

    class Gone:
        def write(self, _):
            raise BrokenPipeError

        def flush(self):
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Gone())
    structlog.get_logger("edge").error("said to nobody")
