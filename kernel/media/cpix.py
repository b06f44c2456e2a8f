"""CPIX documents as SPEKE v2 exchanges them between an encryptor and a key server. Pure.

The encryptor posts the key ids and their labels (`ContentKeyList`, `ContentKeyUsageRuleList`); the key server returns
the same document with the keys (`pskc:PlainValue`). DASH-IF CPIX 2.3; AWS SPEKE API v2. A document that asks for
anything else, such as keys encrypted for a recipient or a DRM system's own data, is refused: the packager makes the
signalling itself.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID
from xml.etree import ElementTree as ET  # only to write

from kernel.media.content_keys import KEY_BYTES, ContentKey, EncryptedContent, EncryptionScheme, KeyLabel, parse_content
from kernel.media.xml_reader import read_xml

CPIX = "urn:dashif:org:cpix"
PSKC = "urn:ietf:params:xml:ns:keyprov:pskc"
SPEKE_VERSION = "2.0"
CONTENT_TYPE = "application/xml"
MAX_DOCUMENT_BYTES = 64 * 1024
MAX_KEYS = 16
_VERSIONS = frozenset(("2.3", "2.4"))
_REFUSED = {
    "DeliveryDataList": "keys encrypted for a recipient",
    "DRMSystemList": "the data of DRM systems",
    "ContentKeyPeriodList": "key rotation",
}


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A request for keys: the proposed key id of each label, and the scheme, None if the document names none."""

    content: EncryptedContent
    key_ids: Mapping[KeyLabel, str]
    scheme: EncryptionScheme | None = None


def write_request(request: KeyRequest) -> bytes:
    """The document that an encryptor posts."""
    return _write(request.content, [(label, key_id, None) for label, key_id in request.key_ids.items()], request.scheme)


def write_response(request: KeyRequest, keys: Sequence[ContentKey]) -> bytes:
    """The document that the key server answers with; it holds the keys in clear."""
    return _write(request.content, [(key.label, key.key_id, key.key) for key in keys], request.scheme)


def read_request(data: bytes) -> KeyRequest:
    """Parse an encryptor's document. Raises ValueError naming the element at fault."""
    root = _read(data)
    for name, what in _REFUSED.items():
        if root.find(_cpix(name)) is not None:
            raise ValueError(f"{name}: {what} cannot be asked for here")
    entries = _entries(root)
    labels = _labels(root, [key_id for key_id, _ in entries])
    schemes = {element.get("commonEncryptionScheme") for _, element in entries} - {None}
    if len(schemes) > 1:
        raise ValueError("ContentKey: all keys of a document need the same commonEncryptionScheme")
    content = _content(root)
    return KeyRequest(content, {labels[key_id]: key_id for key_id, _ in entries}, _scheme(schemes))


def read_response(data: bytes) -> list[ContentKey]:
    """Parse a key server's document. Raises ValueError, whose text shows no key."""
    root = _read(data)
    entries = _entries(root)
    labels = _labels(root, [key_id for key_id, _ in entries])
    return [ContentKey(labels[key_id], key_id, _plain_value(element)) for key_id, element in entries]


def _write(
    content: EncryptedContent, keys: Sequence[tuple[KeyLabel, str, bytes | None]], scheme: EncryptionScheme | None
) -> bytes:
    ET.register_namespace("cpix", CPIX)
    ET.register_namespace("pskc", PSKC)
    root = ET.Element(_cpix("CPIX"), {"contentId": str(content), "version": "2.3"})
    listed = ET.SubElement(root, _cpix("ContentKeyList"))
    rules = ET.SubElement(root, _cpix("ContentKeyUsageRuleList"))
    for label, key_id, key in keys:
        kid = str(UUID(hex=key_id))
        element = ET.SubElement(listed, _cpix("ContentKey"), {"kid": kid})
        if scheme is not None:
            element.set("commonEncryptionScheme", scheme)
        if key is not None:
            secret = ET.SubElement(ET.SubElement(element, _cpix("Data")), _pskc("Secret"))
            ET.SubElement(secret, _pskc("PlainValue")).text = base64.b64encode(key).decode()
        rule = ET.SubElement(rules, _cpix("ContentKeyUsageRule"), {"kid": kid, "intendedTrackType": label})
        ET.SubElement(rule, _cpix("AudioFilter" if label is KeyLabel.AUDIO else "VideoFilter"))
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _read(data: bytes) -> ET.Element:
    if len(data) > MAX_DOCUMENT_BYTES:
        raise ValueError(f"the document is larger than {MAX_DOCUMENT_BYTES >> 10} KiB")
    root = read_xml(data)
    if root.tag != _cpix("CPIX"):
        raise ValueError("the document's element is not CPIX in the namespace urn:dashif:org:cpix")
    if root.get("version") not in _VERSIONS:
        raise ValueError("CPIX: `version` must be 2.3 or 2.4")
    return root


def _content(root: ET.Element) -> EncryptedContent:
    try:
        return parse_content(root.get("contentId") or root.get("id") or "")
    except ValueError as error:
        raise ValueError(f"CPIX: `contentId` {error}") from None


def _entries(root: ET.Element) -> list[tuple[str, ET.Element]]:
    """(key id, element) of each ContentKey."""
    found = [
        (_key_id(element), element) for element in root.findall(f"{_cpix('ContentKeyList')}/{_cpix('ContentKey')}")
    ]
    if not 0 < len(found) <= MAX_KEYS:
        raise ValueError(f"ContentKeyList: 1 to {MAX_KEYS} ContentKey elements are needed, there are {len(found)}")
    if len({key_id for key_id, _ in found}) != len(found):
        raise ValueError("ContentKeyList: a kid occurs twice")
    return found


def _labels(root: ET.Element, key_ids: Sequence[str]) -> dict[str, KeyLabel]:
    """The label of each key id, by the usage rules."""
    found: dict[str, KeyLabel] = {}
    for rule in root.findall(f"{_cpix('ContentKeyUsageRuleList')}/{_cpix('ContentKeyUsageRule')}"):
        key_id, named = _key_id(rule), rule.get("intendedTrackType") or ""
        if named not in KeyLabel.__members__:
            raise ValueError(f"ContentKeyUsageRule: intendedTrackType {named[:40]!r} is not {', '.join(KeyLabel)}")
        if key_id in found or KeyLabel(named) in found.values():
            raise ValueError(f"ContentKeyUsageRule: a second rule for {named}, or for its kid")
        found[key_id] = KeyLabel(named)
    if sorted(found) != sorted(key_ids):
        raise ValueError("ContentKeyUsageRuleList: each ContentKey needs one rule with its kid, and no other kid")
    return found


def _key_id(element: ET.Element) -> str:
    text = element.get("kid") or ""
    try:
        if len(text) > len("{00000000-0000-0000-0000-000000000000}"):
            raise ValueError
        return UUID(text).hex
    except ValueError:
        raise ValueError(f"{element.tag.rpartition('}')[2]}: kid {text[:40]!r} is not a UUID") from None


def _scheme(schemes: set[str | None]) -> EncryptionScheme | None:
    named = next(iter(schemes), None)
    try:
        return EncryptionScheme(named) if named is not None else None
    except ValueError:
        raise ValueError(f"ContentKey: commonEncryptionScheme {str(named)[:40]!r} is not cbcs or cenc") from None


def _plain_value(element: ET.Element) -> bytes:
    plain = element.find(f"{_cpix('Data')}/{_pskc('Secret')}/{_pskc('PlainValue')}")
    try:
        key = base64.b64decode((plain.text or "").strip() if plain is not None else "", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"ContentKey: the PlainValue of {element.get('kid')} is not {KEY_BYTES} bytes in base64")
    return key


def _cpix(name: str) -> str:
    return f"{{{CPIX}}}{name}"


def _pskc(name: str) -> str:
    return f"{{{PSKC}}}{name}"
