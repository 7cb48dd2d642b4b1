"""XML to JSON in one pass of expat, driven by the definitions.

What is no FHIR XML at all is refused here with its place. What only the definitions can judge goes
on to the validator as it would from JSON: unknown elements, values that are none of their type.

Spec: https://hl7.org/fhir/R4/xml.html and https://hl7.org/fhir/R4/json.html#xml
"""

import re
from typing import Any
from xml.parsers import expat

from fhir_server.model import InvalidRequest, JsonLimits, JsonObject, Position, TooLarge, issue
from fhir_server.xml.faults import Faults
from fhir_server.xml.frame import Frame
from fhir_server.xml.narrative import standing_alone
from fhir_server.xml.scalar import json_value
from fhir_server.xml.vocabulary import FHIR, UNKNOWN, XHTML, Field, Vocabulary, XmlType

_SCHEMA_LOCATION = "http://www.w3.org/2001/XMLSchema-instance schemaLocation"
_UTF8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_TAG = re.compile(rb"<([^\s/>]+)")
_HOLDER = XmlType(fhir_type="", scalar="string", fields={}, by_name={}, attributes=())
"""Of an element that holds a resource: nothing of its own stands in it."""


class Reader:
    """Reads one document.

    Args:
        vocabulary: What XML calls the elements.
        limits: As of JSON: bytes, depth of the JSON that comes out, digits of numbers.
        wanted: JSON Pointers whose places somebody wants to know.

    Attributes:
        places: Where the wanted ones start that there are.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        limits: JsonLimits,
        wanted: frozenset[str] = frozenset(),
    ) -> None:
        self._vocabulary = vocabulary
        self._limits = limits
        self._wanted = wanted
        self.places: dict[str, Position] = {}
        self._frame: Frame | None = None
        self._frame_with_text: Frame | None = None
        self._resource: JsonObject = {}
        self._declared: list[tuple[str | None, str]] = []
        self._has_prefixes = False
        self._inner_depth = 0
        self._narrative_from: int | None = None
        self._body = b""
        self._parser = expat.ParserCreate("utf-8", " ")
        self._faults = Faults(self._parser)

    def read(self, body: bytes) -> JsonObject:
        """Return the resource as JSON.

        Raises:
            TooLarge: More bytes than ``max_bytes``.
            InvalidRequest: Not UTF-8, not well-formed, a document type, or no FHIR XML; the issues
                have line and column.
        """
        if len(body) > self._limits.max_bytes:
            raise TooLarge.of("body-too-large", found=len(body), expected=self._limits.max_bytes)
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest.of("xml-not-utf8", found=f"offset {error.start}") from error
        self._body = body
        parser, faults = self._parser, self._faults
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartNamespaceDeclHandler = self._declare
        parser.EndNamespaceDeclHandler = self._undeclare
        self._follow()
        try:
            parser.Parse(body, True)
        except expat.ExpatError as error:
            found = expat.ErrorString(error.code)
            raise InvalidRequest(
                (issue("xml-syntax", line=error.lineno, column=error.offset + 1, found=found),)
            ) from error
        finally:
            del (
                self._parser,
                self._faults,
            )  # it holds our methods: without the circle memory goes at once
        faults.refuse_if_any()
        return self._resource

    def _follow(self) -> None:
        """Let FHIR's elements be read."""
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def _pass_over(self, narrative_from: int | None = None) -> None:
        """Follow the element that starts here without reading it: a narrative, or nothing known."""
        self._inner_depth = 1
        self._narrative_from = narrative_from
        self._parser.StartElementHandler = self._inner_start
        self._parser.EndElementHandler = self._inner_end
        self._parser.CharacterDataHandler = None

    # -- What expat tells

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        frame = self._frame
        if frame is None or frame.resources is not None:
            self._start_resource(frame, name, attributes)
            return
        field = frame.xml_type.by_name.get(name)
        if field is None:
            self._start_unknown(frame, name, attributes)
            return
        if field.order < frame.order:
            self._faults.note(
                "xml-order", frame, found=field.key, expected=frame.latest, element=frame.name
            )
        frame.order, frame.latest = field.order, field.key
        if field.kind == "primitive":
            self._start_primitive(frame, field, attributes)
        elif field.kind == "xhtml":
            self._pass_over(self._parser.CurrentByteIndex)
        elif field.kind == "complex":
            self._start_complex(frame, field, attributes)
        else:
            self._start_holder(frame, field, attributes)

    def _end(self, _name: str) -> None:
        frame: Frame = self._frame  # type: ignore[assignment] # an element that ends was open
        self._frame = frame.parent
        if frame.has_companions:
            frame.complete_companions()
        if frame.is_scalar and (frame.value or not frame.has_value):
            frame.attach_companion()
        if frame.resources == 0:
            self._faults.note("xml-resource-count", frame, element=frame.name, found=0)

    def _text(self, text: str) -> None:
        frame = self._frame
        if frame is not None and frame is not self._frame_with_text and not text.isspace():
            self._frame_with_text = frame  # the rest of its text comes in further parts
            self._faults.note("xml-text", frame, element=frame.name, found=text.strip()[:60])

    def _inner_start(self, _name: str, _attributes: dict[str, str]) -> None:
        self._inner_depth += 1

    def _inner_end(self, name: str) -> None:
        self._inner_depth -= 1
        if self._inner_depth:
            return
        if self._narrative_from is not None:
            self._end_narrative(self._narrative_from, name.rpartition(" ")[2])
        self._follow()

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _UTF8:
            self._faults.refuse("xml-not-utf8", found=encoding)

    def _doctype(self, *_: object) -> None:
        self._faults.refuse("xml-doctype")

    def _declare(self, prefix: str | None, uri: str) -> None:
        self._declared.append((prefix, uri))
        if not self._inner_depth and (prefix is not None or uri not in {FHIR, XHTML}):
            self._has_prefixes = True

    def _undeclare(self, _prefix: str | None) -> None:
        self._declared.pop()

    # -- Elements by their kind

    def _start_primitive(self, frame: Frame, field: Field, attributes: dict[str, str]) -> None:
        key, value, index = field.key, frame.value, None
        xml_type = self._vocabulary[field.fhir_type]
        text = attributes.pop("value", None)
        scalar = None if text is None else self._scalar(frame, text, xml_type)
        if field.is_collection:
            items = value.get(key)
            if items is None:
                items = value[key] = []
            index = len(items)
            items.append(scalar)
            if scalar is None:
                frame.has_companions = True
        elif key in value or f"_{key}" in value:
            self._faults.note("xml-repeated", frame, found=key, element=frame.name)
        elif scalar is not None:
            value[key] = scalar
        child = Frame(xml_type, key, {}, frame, depth=frame.depth + 1, key=key, index=index)
        child.is_scalar = True
        child.has_value = scalar is not None
        child.element = field.name
        self._open(child, attributes)

    def _scalar(self, frame: Frame, text: str, xml_type: XmlType) -> Any:
        try:
            return json_value(text, xml_type.scalar, self._limits)
        except OverflowError:
            self._faults.note("json-number-too-long", frame, found=text[:60])
            return text

    def _start_complex(self, frame: Frame, field: Field, attributes: dict[str, str]) -> None:
        key, value, index = field.key, frame.value, None
        content: JsonObject = {}
        depth = frame.depth + 1
        if field.is_collection:
            items = value.get(key)
            if items is None:
                items = value[key] = []
            index = len(items)
            items.append(content)
            depth += 1
        elif key in value:
            self._faults.note("xml-repeated", frame, found=key, element=frame.name)
        else:
            value[key] = content
        child = Frame(
            self._vocabulary[field.fhir_type],
            key,
            content,
            frame,
            depth=depth,
            key=key,
            index=index,
        )
        child.element = field.name
        self._open(child, attributes)

    def _start_holder(self, frame: Frame, field: Field, attributes: dict[str, str]) -> None:
        key, index = field.key, None
        if field.is_collection:
            index = len(frame.value.setdefault(key, []))
        elif key in frame.value:
            self._faults.note("xml-repeated", frame, found=key, element=frame.name)
        depth = frame.depth + (1 if index is None else 2)
        child = Frame(_HOLDER, key, frame.value, frame, depth=depth, key=key, index=index)
        child.resources = 0
        child.element = field.name
        self._open(child, attributes)

    def _start_resource(self, holder: Frame | None, name: str, attributes: dict[str, str]) -> None:
        space, _, resource_type = name.rpartition(" ")
        if space != FHIR:
            # nothing in it could be read
            self._faults.refuse("xml-namespace", element=resource_type, found=space, expected=FHIR)
        is_known = self._vocabulary.is_resource(resource_type)
        xml_type = self._vocabulary[resource_type] if is_known else UNKNOWN
        content: JsonObject = {"resourceType": resource_type}
        if holder is None:
            self._resource = content
            child = Frame(xml_type, resource_type, content, None, depth=1)
        else:
            self._hold(holder, content)
            child = Frame(xml_type, resource_type, content, holder, depth=holder.depth)
        self._open(child, attributes)

    def _hold(self, holder: Frame, content: JsonObject) -> None:
        """Put a resource where its holder stands; a second one in the same holder is a fault."""
        holder.resources = found = (holder.resources or 0) + 1
        if found > 1:
            self._faults.note("xml-resource-count", holder, element=holder.name, found=found)
        elif holder.index is not None:
            holder.value[holder.name].append(content)
        else:
            holder.value[holder.name] = content

    def _start_unknown(self, frame: Frame, name: str, attributes: dict[str, str]) -> None:
        """Read an element that the type does not have by its shape, for the validator to judge."""
        space, _, key = name.rpartition(" ")
        fault = self._fault_of_name(frame.xml_type, space, key)
        if fault is not None:
            rule, values = fault
            self._faults.note(rule, frame, **values)
            self._pass_over()
            return
        text = attributes.pop("value", None)
        content: JsonObject = {}
        index = frame.add_unknown(key, content if text is None else text)
        child = Frame(UNKNOWN, key, content, frame, depth=frame.depth + 1, key=key, index=index)
        child.is_scalar = child.has_value = text is not None
        self._open(child, attributes)

    def _fault_of_name(
        self, xml_type: XmlType, space: str, key: str
    ) -> tuple[str, dict[str, str]] | None:
        is_narrative = f"{XHTML} {key}" in xml_type.by_name
        if space != FHIR or is_narrative:
            expected = XHTML if is_narrative else FHIR
            return "xml-namespace", {"element": key, "found": space, "expected": expected}
        if xml_type is not UNKNOWN and key in xml_type.attributes:
            return "xml-must-be-attribute", {"found": key, "element": xml_type.fhir_type}
        if key.startswith("_") or (key == "resourceType" and key not in xml_type.fields):
            return "xml-reserved-name", {"found": key}
        return None

    def _end_narrative(self, start: int, tag: str) -> None:
        """Keep a narrative as it was written, character by character."""
        frame: Frame = self._frame  # type: ignore[assignment] # a narrative stands in an element
        body, end = self._body, self._parser.CurrentByteIndex
        # expat tells where </div> starts, but of <div/> the place behind it
        if body.startswith(b"</" + _TAG.match(body, start)[1], end):  # type: ignore[index] # it is a tag
            end = body.index(b">", end) + 1
        markup = body[start:end].decode()
        if self._has_prefixes or "xmlns" not in markup[: markup.index(">")]:
            markup = standing_alone(markup, self._declared)
        if tag in frame.value:
            self._faults.note("xml-repeated", frame, found=tag, element=frame.name)
        frame.value[tag] = markup

    def _open(self, frame: Frame, attributes: dict[str, str]) -> None:
        """Go on inside an element that is new."""
        self._frame = frame
        if frame.depth > self._limits.max_depth:
            self._faults.refuse("xml-too-deep", expected=self._limits.max_depth)
        if attributes:
            self._read_attributes(frame, attributes)
        if self._wanted:
            for pointer in self._wanted & frame.pointers():
                self.places.setdefault(pointer, self._faults.here())

    def _read_attributes(self, frame: Frame, attributes: dict[str, str]) -> None:
        for name, text in attributes.items():
            if name in frame.xml_type.attributes:
                frame.value[name] = text
            elif frame.parent is not None or name != _SCHEMA_LOCATION:
                shown = name.rpartition(" ")[2]
                self._faults.note("xml-attribute", frame, element=frame.name, found=shown)
