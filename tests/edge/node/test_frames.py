"""The messages between owner and workers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.node.frames import MAX_FRAME_BYTES, BadFrame, FrameReader, Kind, encode

CONTENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.binary(max_size=50) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(Kind), CONTENTS), max_size=5), st.integers(1, 40))
def test_frames_survive_any_cut_of_the_stream(frames, step):
    stream = b"".join(encode(kind, content) for kind, content in frames)
    reader = FrameReader()
    found = [frame for at in range(0, len(stream), step) for frame in reader.feed(stream[at : at + step])]
    assert [(frame.kind, frame.content) for frame in found] == frames


@pytest.mark.parametrize(
    "data",
    [
        (0).to_bytes(4, "big") + b"\x01",
        (MAX_FRAME_BYTES + 1).to_bytes(4, "big") + b"\x01",
        (2).to_bytes(4, "big") + b"\xff\xc0",  # no such kind
        (2).to_bytes(4, "big") + b"\x01\xc1",  # no MessagePack
        (3).to_bytes(4, "big") + b"\x01\xc0\xc0",  # two values
    ],
)
def test_what_is_no_frame(data):
    with pytest.raises(BadFrame):
        FrameReader().feed(data)
