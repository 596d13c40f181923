"""XML bodies by shape, shared by rest-xml (both ways) and the query protocol (answers).

Reading refuses document types altogether, and with them entities, external references and expansion attacks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from botocore.model import ListShape, MapShape, Shape, StructureShape

from sagewright.core.errors import SerializationException
from sagewright.wire import scalars

MAX_DEPTH = 64
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPECIAL = re.compile(r"[&<>\"\r\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def malformed(why: str = "") -> SerializationException:
    """S3's ``MalformedXML``."""
    message = "The XML you provided was not well-formed or did not validate against our published schema"
    return SerializationException(f"{message}: {why}" if why else message, code="MalformedXML")


def load(body: bytes) -> Element:
    """The root element of ``body``, without namespaces in tags. Raises ``MalformedXML``."""
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise malformed("nested too deeply")
        builder.start(tag.rpartition(":")[2], attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag.rpartition(":")[2])

    def refuse(*_: object) -> None:
        raise malformed("document types are not allowed")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
        return builder.close()
    except (expat.ExpatError, ValueError, LookupError, AssertionError):
        raise malformed() from None


def read(shape: Shape, node: Element) -> Any:
    """The Python value of ``shape`` in ``node``. Unknown elements are ignored; raises ``MalformedXML``."""
    if isinstance(shape, StructureShape):
        return _read_structure(shape, node)
    if isinstance(shape, ListShape):
        name = shape.member.serialization.get("name", "member")
        return [read(shape.member, item) for item in node if item.tag == name]
    if isinstance(shape, MapShape):
        return _read_map(shape, list(node))
    if len(node):
        raise malformed(f"{node.tag} holds elements")
    try:
        return scalars.from_text(shape, node.text or "")
    except SerializationException as error:
        raise malformed(error.message) from None


def _read_structure(shape: StructureShape, node: Element) -> dict[str, Any]:
    found: dict[str, list[Element]] = {}
    for item in node:
        found.setdefault(item.tag, []).append(item)
    parsed: dict[str, Any] = {}
    for name, member in shape.members.items():
        where = member.serialization
        if "location" in where:
            continue
        if where.get("xmlAttribute"):
            if where["name"] in node.attrib:
                parsed[name] = node.attrib[where["name"]]
            continue
        items = found.get(where.get("name", name))
        if not items:
            continue
        if where.get("flattened") and isinstance(member, ListShape):
            parsed[name] = [read(member.member, item) for item in items]
        elif where.get("flattened") and isinstance(member, MapShape):
            parsed[name] = _read_map(member, items)
        else:
            parsed[name] = read(member, items[-1])
    return parsed


def _read_map(shape: MapShape, entries: list[Element]) -> dict[str, Any]:
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    parsed = {}
    for entry in entries:
        key, value = entry.find(key_name), entry.find(value_name)
        if key is None or value is None:
            raise malformed(f"{entry.tag} lacks {key_name} or {value_name}")
        parsed[read(shape.key, key)] = read(shape.value, value)
    return parsed


def escape(text: str) -> str:
    """``text`` for an element or attribute. Characters that XML cannot hold go out as S3 sends them: ``&#x1;``."""
    return _SPECIAL.sub(lambda match: _NAMED.get(match[0]) or f"&#x{ord(match[0]):x};", text)


class XmlWriter:
    """Builds a document. ``time_format`` is the protocol's default for timestamps."""

    def __init__(self, time_format: str = "iso8601") -> None:
        self._time_format = time_format
        self._parts: list[str] = [_DECLARATION]

    def document(self) -> bytes:
        return "".join(self._parts).encode("utf-8", "replace")

    def open(self, name: str, attributes: str = "") -> None:
        self._parts.append(f"<{name}{attributes}>")

    def close(self, name: str) -> None:
        self._parts.append(f"</{name}>")

    def text(self, name: str, text: str) -> None:
        """An element that holds only text."""
        self._parts.append(f"<{name}>{escape(text)}</{name}>")

    def members(self, shape: StructureShape, value: Mapping[str, Any]) -> None:
        """The members of a structure without its own element."""
        for name, member in shape.members.items():
            item = value.get(name)
            where = member.serialization
            if item is not None and "location" not in where and not where.get("xmlAttribute"):
                self.value(member, item, where.get("name", name))

    def value(self, shape: Shape, value: Any, name: str, attributes: str = "") -> None:
        """``value`` as an element ``name``; flattened lists and maps as several."""
        attributes += namespace(shape)
        if isinstance(shape, StructureShape):
            self.open(name, attributes + tag_attributes(shape, value))
            self.members(shape, value)
            self.close(name)
        elif isinstance(shape, ListShape):
            self._list(shape, value, name, attributes)
        elif isinstance(shape, MapShape):
            self._map(shape, value, name, attributes)
        else:
            text = escape(scalars.to_text(shape, value, self._time_format))
            self._parts.append(f"<{name}{attributes}>{text}</{name}>")

    def _list(self, shape: ListShape, items: list[Any], name: str, attributes: str) -> None:
        if shape.serialization.get("flattened"):
            # botocore reads a flattened list under its member's name where the member has one.
            for item in items:
                self.value(shape.member, item, shape.member.serialization.get("name", name))
            return
        self.open(name, attributes)
        for item in items:
            self.value(shape.member, item, shape.member.serialization.get("name", "member"))
        self.close(name)

    def _map(self, shape: MapShape, entries: Mapping[str, Any], name: str, attributes: str) -> None:
        flattened = shape.serialization.get("flattened")
        if not flattened:
            self.open(name, attributes)
        for key, item in entries.items():
            entry = name if flattened else "entry"
            self.open(entry, attributes if flattened else "")
            self.value(shape.key, key, shape.key.serialization.get("name", "key"))
            self.value(shape.value, item, shape.value.serialization.get("name", "value"))
            self.close(entry)
        if not flattened:
            self.close(name)


def namespace(shape: Shape) -> str:
    """The ``xmlns`` attribute a shape asks for, with its leading space, or nothing."""
    wanted = shape.serialization.get("xmlNamespace")
    if not wanted:
        return ""
    uri, prefix = (wanted["uri"], wanted.get("prefix")) if isinstance(wanted, Mapping) else (wanted, None)
    return f' xmlns:{prefix}="{escape(uri)}"' if prefix else f' xmlns="{escape(uri)}"'


def tag_attributes(shape: StructureShape, value: Mapping[str, Any]) -> str:
    """The members of ``value`` that stand in the tag, each with its leading space."""
    return "".join(
        f' {member.serialization["name"]}="{escape(str(value[name]))}"'
        for name, member in shape.members.items()
        if member.serialization.get("xmlAttribute") and value.get(name) is not None
    )
