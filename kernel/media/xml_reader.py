"""XML from outside, within bounds: how much, how many elements, how deep, how long its namespaces. Pure.

defusedxml refuses entities; here a document type is refused as a whole, since the default attributes that it may
declare are put into every element: a kilobyte of them and a megabyte of elements are a terabyte of values.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder  # what is built; reading is defusedxml's

from defusedxml import DefusedXmlException, ElementTree

MAX_BYTES = 8 << 20
MAX_ELEMENTS = 250_000
"""A day of two-second segments, each an element, has 43,200 for each rendition."""
MAX_DEPTH = 64
MAX_NAMESPACE = 256
"""Characters of a namespace's name: it is put before the name of each element and attribute that is in it."""


class _Bounded:
    """Builds the tree as far as the bounds let it."""

    def __init__(self) -> None:
        self._builder = TreeBuilder()
        self._elements = self._depth = 0
        self.data = self._builder.data
        self.close = self._builder.close

    def start(self, tag: str, attributes: dict[str, str]) -> Element:
        """Handle the start of an element."""
        self._elements += 1
        self._depth += 1
        if self._elements > MAX_ELEMENTS:
            raise ValueError(f"more than {MAX_ELEMENTS} elements")
        if self._depth > MAX_DEPTH:
            raise ValueError(f"elements in one another, more than {MAX_DEPTH} deep")
        return self._builder.start(tag, attributes)

    def end(self, tag: str) -> Element:
        """An element ends."""
        self._depth -= 1
        return self._builder.end(tag)

    def start_ns(self, _: str, uri: str) -> None:
        """A namespace is declared."""
        if len(uri) > MAX_NAMESPACE:
            raise ValueError(f"a namespace of more than {MAX_NAMESPACE} characters")


def read_xml(data: bytes) -> Element:
    """Parse a document and return its root. Raises ValueError with the reason."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES >> 20} MiB")
    parser = ElementTree.XMLParser(target=_Bounded(), forbid_dtd=True)
    try:
        parser.feed(data)
        root: Element = parser.close()
    except DefusedXmlException as error:
        raise ValueError(f"a document type is not read: {error}") from None
    except (ElementTree.ParseError, UnicodeError, LookupError) as error:
        raise ValueError(str(error)) from None
    return root
