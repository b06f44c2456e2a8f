"""Records as the log stores them."""

from hypothesis import given
from hypothesis import strategies as st

from services.events.record import Kind, Record, decode_record, encode_record


@given(
    st.builds(
        Record,
        st.sampled_from(Kind),
        st.floats(0, 4e9),
        st.binary(max_size=200),
        st.text(max_size=20),
        st.lists(st.text(max_size=9), max_size=3).map(tuple),
        st.text(max_size=2),
    )
)
def test_a_record_is_read_as_it_was_written_whatever_its_body(record):
    assert decode_record(encode_record(record)) == record
