"""A record as a message of Kafka, and back."""

import pytest

from services.analytics.event_source import StoredRecord
from services.analytics.kafka.messages import message_of, record_of

RECORD = StoredRecord(4096, 5000, "cmcd", 1_800_000_000.25, b"e=t", "ann", ("s1", "s2"), "DE")


def test_a_record_comes_back_with_its_origin():
    message = message_of(RECORD, "log-a")
    assert (message.key, message.value) == (b"s1", b"e=t")
    back = record_of(7, message.value, message.headers, 0.0)
    assert back == RECORD._replace(position=7, end=8, origin="log-a", origin_position=4096)


def test_records_without_a_session_are_spread():
    assert message_of(RECORD._replace(sessions=()), "log-a").key == b"log-a-4096"


def test_a_message_that_is_not_ours_is_kept_as_text():
    found = record_of(1, None, [("position", b"x"), ("kind", None)], 12.0)
    assert (found.kind, found.body, found.received, found.origin_position) == ("unread", b"", 12.0, -1)


@pytest.mark.parametrize("kind", ["views", "../../secrets", "UPPER", "a" * 21])
def test_a_kind_that_names_no_folder_of_events_is_kept_as_text(kind):
    assert record_of(1, b"", [("kind", kind.encode())], 12.0).kind == "unread"


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e300", "-1"])
def test_a_number_that_no_record_has_is_left_out(number):
    headers = [("received", number.encode()), ("position", number.encode())]
    found = record_of(1, b"", headers, 12.0)
    assert (found.received, found.origin_position) == (12.0, -1)
