"""RSS 2.0 and Atom feeds. Untrusted XML: no document type, no entities, no outside references."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any
from xml.sax import SAXParseException, handler

from defusedxml import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from campaigns.feeds.base import Feed, FeedError, RawRow, column_name

GOOGLE = "http://base.google.com/ns/1.0"
ITEMS = ("item", "entry")
CHUNK = 64 * 1024
DECLARATION = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"'][^>]*\?>")
KNOWN_TO_EXPAT = {"utf-8", "utf-16", "iso8859-1", "ascii"}
ALIASES = {"summary": "description", "content": "description"}  # Atom's words


def read_xml(content: bytes) -> Feed:
    """The ``item`` or ``entry`` elements, in document order."""
    return Feed("xml", _rows(_readable(content)))


def _rows(content: bytes) -> Iterator[RawRow]:
    parser = DefusedExpatParser(forbid_dtd=True)
    reader = _ItemReader(parser)
    parser.setContentHandler(reader)
    try:
        for start in range(0, len(content), CHUNK):
            parser.feed(content[start : start + CHUNK])
            yield from reader.taken()
        parser.close()
    except DefusedXmlException:
        raise FeedError(
            "unsafe_xml", "The XML declares a document type or entities, which are refused."
        ) from None
    except SAXParseException as error:
        raise FeedError(
            "unreadable_xml", f"The XML cannot be read at line {error.getLineNumber()}: {error.getMessage()}."
        ) from None
    except (ValueError, LookupError) as error:  # an encoding that does not exist, broken surrogates
        raise FeedError("unreadable_xml", f"The XML cannot be read: {type(error).__name__}.") from None
    yield from reader.taken()


def _readable(content: bytes) -> bytes:
    """The same document in UTF-8 when its encoding (GBK, Big5, ...) is one the parser does not know."""
    declared = DECLARATION.match(content)
    if declared is None:
        return content
    try:
        encoding = codecs.lookup(declared[1].decode()).name
        if encoding in KNOWN_TO_EXPAT or encoding.startswith("utf-16"):
            return content
        return content[declared.end() :].decode(encoding).encode()
    except (LookupError, UnicodeError, AttributeError):
        raise FeedError(
            "unknown_encoding", f"The XML's text is not {declared[1].decode()} as it says."
        ) from None


class _ItemReader(handler.ContentHandler):
    """Collects the direct children of each item; Google's namespace wins over plain names."""

    def __init__(self, position: Any) -> None:
        super().__init__()
        self._position = position
        self._rows: list[RawRow] = []
        self._google = {"g"}
        self._depth = 0  # inside an item: 1 in the item itself, 2 in a child
        self._line = 0
        self._values: dict[str, str] = {}
        self._plain: dict[str, str] = {}
        self._name = ""
        self._text: list[str] = []

    def taken(self) -> list[RawRow]:
        """The items finished since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def startElement(self, name: str, attrs: Any) -> None:
        for key, value in attrs.items():
            if value == GOOGLE and key.startswith("xmlns:"):
                self._google.add(key.removeprefix("xmlns:"))
        local = name.rpartition(":")[2].lower()
        if self._depth == 0:
            if local in ITEMS:
                self._depth, self._line = 1, self._position.getLineNumber()
                self._values, self._plain = {}, {}
            return
        self._depth += 1
        if self._depth == 2:
            self._name, self._text = name, []
            if local == "link" and attrs.get("href") and attrs.get("rel", "alternate") == "alternate":
                self._text = [attrs["href"]]

    def characters(self, content: str) -> None:
        if self._depth == 2:
            self._text.append(content)

    def endElement(self, name: str) -> None:
        if self._depth == 2:
            prefix, _, local = self._name.rpartition(":")
            column = column_name(local)
            text = "".join(self._text)
            if prefix in self._google:
                self._values.setdefault(column, text)
            elif not prefix and text.strip():
                self._plain.setdefault(ALIASES.get(column, column), text)
        elif self._depth == 1:
            self._rows.append(RawRow(self._line, {**self._plain, **self._values}))
        self._depth = max(0, self._depth - 1)
