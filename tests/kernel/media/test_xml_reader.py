"""XML from outside is read within bounds, and what would grow beyond its own length is refused with a reason."""

from __future__ import annotations

import pytest

from kernel.media.xml_reader import MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, MAX_NAMESPACE, read_xml


def test_a_document_is_read_with_its_namespaces():
    root = read_xml(b'<a xmlns="urn:x" b="1"><c>text</c></a>')
    assert (root.tag, root.get("b"), root[0].text) == ("{urn:x}a", "1", "text")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no element"),
        (b"<a>", "no element"),
        (b"\xff\xfe<", "unclosed token"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
        (b'<!DOCTYPE a [<!ATTLIST a b CDATA "' + b"x" * 1000 + b'">]><a/>', "document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        (b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1), "deep"),
        (b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>", "elements"),
        (b'<a xmlns="' + b"u" * (MAX_NAMESPACE + 1) + b'"/>', "namespace"),
        (b"<a>" + b" " * MAX_BYTES + b"</a>", "MiB"),
    ],
)
def test_what_would_grow_is_refused(data, why):
    with pytest.raises(ValueError, match=why):
        read_xml(data)


def test_as_deep_as_may_be_is_read():
    assert read_xml(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH).tag == "a"
