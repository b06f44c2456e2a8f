"""CPIX documents as SPEKE v2 exchanges them between an encryptor and a key server. Pure.

The encryptor posts the key ids and their labels (`ContentKeyList`, `ContentKeyUsageRuleList`) and the DRM systems whose
data it wants (`DRMSystemList`); the key server returns the same document with the keys (`pskc:PlainValue`) and the
data. DASH-IF CPIX 2.3; AWS SPEKE API v2. A document that asks for keys encrypted for a recipient, or for key rotation,
is refused.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID
from xml.etree import ElementTree as ET  # only to write

from kernel.media.content_keys import (
    IV_BYTES,
    KEY_BYTES,
    ContentKey,
    EncryptedContent,
    EncryptionScheme,
    KeyLabel,
    constant_iv,
    parse_content,
)
from kernel.media.cpix_systems import (
    CPIX,
    MAX_KEYS,
    append_system,
    cpix,
    decode_base64,
    key_id_of,
    read_signals,
    read_systems,
)
from kernel.media.drm_signals import DrmSystem, Signals, SystemSignals, signal_key
from kernel.media.xml_reader import read_xml

PSKC = "urn:ietf:params:xml:ns:keyprov:pskc"
SPEKE_VERSION = "2.0"
CONTENT_TYPE = "application/xml"
MAX_DOCUMENT_BYTES = 64 * 1024
_VERSIONS = frozenset(("2.3", "2.4"))
_REFUSED = {"DeliveryDataList": "keys encrypted for a recipient", "ContentKeyPeriodList": "key rotation"}


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A request for keys: the proposed key id of each label, and the scheme, None if the document names none.

    `ivs`: the IVs that the encryptor has chosen. `systems`: the DRM systems whose data is asked for, for each label.
    """

    content: EncryptedContent
    key_ids: Mapping[KeyLabel, str]
    scheme: EncryptionScheme | None = None
    ivs: Mapping[KeyLabel, bytes] = field(default_factory=dict)
    systems: Mapping[KeyLabel, tuple[DrmSystem, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyResponse:
    """A key server's answer: the keys; by key id the IVs and the DRM systems' data that it chose, where it did."""

    keys: tuple[ContentKey, ...]
    ivs: Mapping[str, bytes]
    signals: Mapping[str, Signals]


def write_request(request: KeyRequest) -> bytes:
    """The document that an encryptor posts."""
    written = _Writer(request.content, request.scheme)
    for label, key_id in request.key_ids.items():
        written.append_key(label, key_id, request.ivs.get(label))
        for system in request.systems.get(label, ()):
            written.append_system(key_id, system, SystemSignals())
    return written.encode()


def write_response(request: KeyRequest, keys: Sequence[ContentKey]) -> bytes:
    """The document that the key server answers with; it holds the keys in clear."""
    written = _Writer(request.content, request.scheme)
    for key in keys:
        iv = request.ivs.get(key.label)
        written.append_key(key.label, key.key_id, iv, key.key)
        wanted = request.systems.get(key.label, ())
        if wanted and request.scheme is not None:
            made = signal_key(key, request.scheme, iv or constant_iv(key.key_id))
            for system in wanted:
                written.append_system(key.key_id, system, made.get(system, SystemSignals()))
    return written.encode()


def read_request(data: bytes) -> KeyRequest:
    """Parse an encryptor's document. Raises ValueError naming the element at fault."""
    root = _read(data)
    for name, what in _REFUSED.items():
        if root.find(cpix(name)) is not None:
            raise ValueError(f"{name}: {what} cannot be asked for here")
    entries = _entries(root)
    labels = _labels(root, [key_id for key_id, _ in entries])
    schemes = {element.get("commonEncryptionScheme") for _, element in entries} - {None}
    if len(schemes) > 1:
        raise ValueError("ContentKey: all keys of a document need the same commonEncryptionScheme")
    scheme = _scheme(schemes)
    wanted: dict[KeyLabel, tuple[DrmSystem, ...]] = {}
    for key_id, system in read_systems(root, labels, refuse_unknown=True):
        wanted[labels[key_id]] = (*wanted.get(labels[key_id], ()), system)
    if wanted and scheme is None:
        raise ValueError("ContentKey: the data of DRM systems needs a commonEncryptionScheme")
    ivs = {labels[key_id]: iv for key_id, element in entries if (iv := _explicit_iv(element)) is not None}
    return KeyRequest(_content(root), {labels[key_id]: key_id for key_id, _ in entries}, scheme, ivs, wanted)


def read_response(data: bytes) -> KeyResponse:
    """Parse a key server's document. Raises ValueError, whose text shows no key."""
    root = _read(data)
    entries = _entries(root)
    labels = _labels(root, [key_id for key_id, _ in entries])
    signals: dict[str, dict[DrmSystem, SystemSignals]] = {}
    for (key_id, system), element in read_systems(root, labels, refuse_unknown=False).items():
        given = read_signals(system, element)
        if given != SystemSignals():
            signals.setdefault(key_id, {})[system] = given
    return KeyResponse(
        tuple(ContentKey(labels[key_id], key_id, _plain_value(element)) for key_id, element in entries),
        {key_id: iv for key_id, element in entries if (iv := _explicit_iv(element)) is not None},
        signals,
    )


class _Writer:
    """A document that grows key by key."""

    def __init__(self, content: EncryptedContent, scheme: EncryptionScheme | None) -> None:
        ET.register_namespace("cpix", CPIX)
        ET.register_namespace("pskc", PSKC)
        self._scheme = scheme
        self._root = ET.Element(cpix("CPIX"), {"contentId": str(content), "version": "2.3"})
        self._keys = ET.SubElement(self._root, cpix("ContentKeyList"))
        self._systems = ET.Element(cpix("DRMSystemList"))
        self._rules = ET.Element(cpix("ContentKeyUsageRuleList"))

    def append_key(self, label: KeyLabel, key_id: str, iv: bytes | None, key: bytes | None = None) -> None:
        """A key and its usage rule; without `key` it is asked for."""
        kid = str(UUID(hex=key_id))
        element = ET.SubElement(self._keys, cpix("ContentKey"), {"kid": kid})
        if iv is not None:
            element.set("explicitIV", base64.b64encode(iv).decode())
        if self._scheme is not None:
            element.set("commonEncryptionScheme", self._scheme)
        if key is not None:
            secret = ET.SubElement(ET.SubElement(element, cpix("Data")), _pskc("Secret"))
            ET.SubElement(secret, _pskc("PlainValue")).text = base64.b64encode(key).decode()
        rule = ET.SubElement(self._rules, cpix("ContentKeyUsageRule"), {"kid": kid, "intendedTrackType": label})
        ET.SubElement(rule, cpix("AudioFilter" if label is KeyLabel.AUDIO else "VideoFilter"))

    def append_system(self, key_id: str, system: DrmSystem, signals: SystemSignals) -> None:
        """A DRM system's data of one key; empty signals ask for it."""
        append_system(self._systems, key_id, system, signals)

    def encode(self) -> bytes:
        """The document; its lists are in the schema's order."""
        if len(self._systems):
            self._root.append(self._systems)
        self._root.append(self._rules)
        return bytes(ET.tostring(self._root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _read(data: bytes) -> ET.Element:
    if len(data) > MAX_DOCUMENT_BYTES:
        raise ValueError(f"the document is larger than {MAX_DOCUMENT_BYTES >> 10} KiB")
    root = read_xml(data)
    if root.tag != cpix("CPIX"):
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
        (key_id_of(element), element) for element in root.findall(f"{cpix('ContentKeyList')}/{cpix('ContentKey')}")
    ]
    if not 0 < len(found) <= MAX_KEYS:
        raise ValueError(f"ContentKeyList: 1 to {MAX_KEYS} ContentKey elements are needed, there are {len(found)}")
    if len({key_id for key_id, _ in found}) != len(found):
        raise ValueError("ContentKeyList: a kid occurs twice")
    return found


def _labels(root: ET.Element, key_ids: Sequence[str]) -> dict[str, KeyLabel]:
    """The label of each key id, by the usage rules."""
    found: dict[str, KeyLabel] = {}
    for rule in root.findall(f"{cpix('ContentKeyUsageRuleList')}/{cpix('ContentKeyUsageRule')}"):
        key_id, named = key_id_of(rule), rule.get("intendedTrackType") or ""
        if named not in KeyLabel.__members__:
            raise ValueError(f"ContentKeyUsageRule: intendedTrackType {named[:40]!r} is not {', '.join(KeyLabel)}")
        if key_id in found or KeyLabel(named) in found.values():
            raise ValueError(f"ContentKeyUsageRule: a second rule for {named}, or for its kid")
        found[key_id] = KeyLabel(named)
    if sorted(found) != sorted(key_ids):
        raise ValueError("ContentKeyUsageRuleList: each ContentKey needs one rule with its kid, and no other kid")
    return found


def _scheme(schemes: set[str | None]) -> EncryptionScheme | None:
    named = next(iter(schemes), None)
    try:
        return EncryptionScheme(named) if named is not None else None
    except ValueError:
        raise ValueError(f"ContentKey: commonEncryptionScheme {str(named)[:40]!r} is not cbcs or cenc") from None


def _plain_value(element: ET.Element) -> bytes:
    plain = element.find(f"{cpix('Data')}/{_pskc('Secret')}/{_pskc('PlainValue')}")
    key = decode_base64(plain.text) if plain is not None else None
    if key is None or len(key) != KEY_BYTES:
        raise ValueError(f"ContentKey: the PlainValue of {element.get('kid')} is not {KEY_BYTES} bytes in base64")
    return key


def _pskc(name: str) -> str:
    return f"{{{PSKC}}}{name}"


def _explicit_iv(element: ET.Element) -> bytes | None:
    text = element.get("explicitIV")
    if text is None:
        return None
    iv = decode_base64(text)
    if iv is None or len(iv) != IV_BYTES:
        raise ValueError(f"ContentKey: the explicitIV of {element.get('kid')} is not {IV_BYTES} bytes in base64")
    return iv
