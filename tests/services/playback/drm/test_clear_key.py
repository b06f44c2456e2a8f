"""Clear Key's messages, as browsers send them."""

import json

import pytest

from kernel.errors import BadRequest
from kernel.media.content_keys import ContentKey, KeyLabel
from services.playback.drm.clear_key import read_key_ids, write_licence

# The example of W3C Encrypted Media Extensions §9.1.3.
W3C = b'{"kids":["LwVHf8JLtPrv2GUXFW2v_A"],"type":"temporary"}'


def test_the_example_of_the_standard():
    assert read_key_ids(W3C) == ["2f05477fc24bb4faefd86517156daffc"]


def test_padding_repetitions_and_the_default_type():
    assert read_key_ids(b'{"kids":["LwVHf8JLtPrv2GUXFW2v_A==","LwVHf8JLtPrv2GUXFW2v_A"]}') == [
        "2f05477fc24bb4faefd86517156daffc"
    ]


def test_a_licence():
    key = ContentKey(KeyLabel.SD, "2f05477fc24bb4faefd86517156daffc", bytes.fromhex("ff" * 16))
    made = json.loads(write_licence([key]))
    assert made == {
        "keys": [{"kty": "oct", "kid": "LwVHf8JLtPrv2GUXFW2v_A", "k": "_____________________w"}],
        "type": "temporary",
    }


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "the licence request"),
        (b"[]", "not a JSON object"),
        (b"{}", "field `kids`"),
        (b'{"kids":[]}', "field `kids`"),
        (b'{"kids":"LwVHf8JLtPrv2GUXFW2v_A"}', "field `kids`"),
        (b'{"kids":[1]}', r"field `kids\[0\]`"),
        (b'{"kids":["LwVHf8JLtPrv2GUXFW2v_A","short"]}', r"field `kids\[1\]`"),
        (b'{"kids":["LwVHf8JLtPrv2GUXFW2v A"]}', r"field `kids\[0\]`"),
        (json.dumps({"kids": ["LwVHf8JLtPrv2GUXFW2v_A"] * 33}).encode(), "1 to 32"),
        (b'{"kids":["LwVHf8JLtPrv2GUXFW2v_A"],"type":"persistent-license"}', "never kept on a device"),
        (b'{"kids":["LwVHf8JLtPrv2GUXFW2v_A"],"type":[]}', "field `type`"),
        (b'{"kids":["LwVHf8JLtPrv2GUXFW2v_A"],"kids":[]}', "licence request"),
        (b"\xff\xfe", "the licence request"),
    ],
)
def test_what_is_refused(body, why):
    with pytest.raises(BadRequest, match=why) as refused:
        read_key_ids(body)
    assert refused.value.status == 400
