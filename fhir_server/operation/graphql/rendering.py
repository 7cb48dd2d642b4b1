"""The answer: what a query asks, of the resources that are known.

What is not known yet is noted and left out; it is fetched, and the answer is made again. So all
references of one depth are read together, and nothing here waits for a database.

Spec: https://hl7.org/fhir/R4/graphql.html#fields
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from fhir_server.fhirpath import Env, Expression, Node, compile_expression, node
from fhir_server.model import (
    Deleted,
    FhirError,
    JsonObject,
    LogicalId,
    NotFound,
    ResourceType,
    VersionId,
)
from fhir_server.operation.graphql.asking import asked
from fhir_server.operation.graphql.checking import INDEX
from fhir_server.operation.graphql.collating import Collation
from fhir_server.operation.graphql.document import Field
from fhir_server.operation.graphql.fault import Faults, fault, refused
from fhir_server.operation.graphql.known import Key, Known
from fhir_server.operation.graphql.limits import MAX_VALUES
from fhir_server.operation.graphql.member import QUERY, Member, Members, type_name
from fhir_server.operation.graphql.value import text_of

_RELATIVE = re.compile(
    r"(?P<type>[A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/(?P<version>[0-9]{1,18}))?"
)


class Item(NamedTuple):
    """A value on the way.

    Attributes:
        value: JSON.
        fhir_type: Its real type.
        resource: The resource it is in, not a contained one; None: it is in none.
    """

    value: Any
    fhir_type: str
    resource: JsonObject | None


class Renderer:
    """Makes the answer to one query.

    Args:
        members: What names mean.
        known: What was fetched.
        base_url: References below it lead to this server.
    """

    def __init__(self, members: Members, known: Known, base_url: str) -> None:
        self._members = members
        self._types = members.types
        self._known = known
        self._base = base_url.rstrip("/") + "/"
        self._chosen: dict[tuple[int, str], list[Field]] = {}
        self._expressions: dict[str, Expression] = {}
        self._count = 0

    def render(self, item: Item, fields: Sequence[Field]) -> JsonObject:
        """Return the answer, or as much of it as is known.

        Raises:
            Faults: Something that must be there is not, or values do not fit the directives.
        """
        made = Collation()
        self._add(made, item, fields, "", is_spread=False)
        return made.json()

    def _add(
        self, made: Collation, item: Item, fields: Sequence[Field], suffix: str, *, is_spread: bool
    ) -> None:
        """Add the fields of one value to an object of the answer.

        Args:
            made: The object.
            item: The value.
            fields: What is asked of it.
            suffix: Of their names.
            is_spread: Whether others of the value's kind are added beside it.
        """
        for field in self._fields(fields, item.fhir_type):
            member = self._members.of(item.fhir_type, field.name)
            if member is None:
                continue  # another of the types that the value could have had has it
            items = self._items(item, field, member)
            is_list = (member.is_collection or is_spread) and not field.shape.singleton
            if member.kind == "list" and not field.shape.flatten and field.shape.slice is None:
                made.expect(field.key + suffix, member.fhir_type, is_list=is_list)
            for index, one in enumerate(items[:1] if field.shape.first else items):
                own = suffix + self._suffix(field, one, index)
                if field.shape.flatten:
                    spread = is_spread or member.is_collection
                    self._add(made, one, field.selection, own, is_spread=spread)
                else:
                    value = self._value(one, field)
                    made.add(field, field.key + own, value, member.fhir_type, is_list=is_list)

    def _value(self, item: Item, field: Field) -> Any:
        self._count += 1
        if self._count > MAX_VALUES:
            raise fault("graphql-too-large", field.place, expected=MAX_VALUES, what="values")
        if self._members.is_leaf(item.fhir_type):
            if field.selection:
                raise fault("graphql-leaf", field.place, found=field.name)
            return item.value
        if not field.selection:
            raise fault("graphql-no-leaf", field.place, found=field.name)
        return self.render(item, field.selection)

    def _fields(self, fields: Sequence[Field], fhir_type: str) -> list[Field]:
        """Return the fields that a type is asked for; what asks the same twice is one."""
        key = (id(fields), fhir_type)
        found = self._chosen.get(key)
        if found is None:
            merged: dict[tuple[str, str], Field] = {}
            for field in fields:
                if self._members.fits(fhir_type, field.conditions):
                    kind = str(field.arguments.get("type", "")) if field.name == "resource" else ""
                    merged[field.key, kind] = _merged(merged.get((field.key, kind)), field)
            found = self._chosen[key] = list(merged.values())
        return found

    def _items(self, item: Item, field: Field, member: Member) -> list[Item]:
        match member.kind:
            case "typename":
                return [Item(type_name(item.fhir_type), member.fhir_type, item.resource)]
            case "target":
                return self._target(item, field)
            case "read":
                return self._read(field, member)
            case "list" | "connection":
                return self._searched(item, field, member)
        value = item.value.get(field.name)
        values = value if isinstance(value, list) else [] if value is None else [value]
        items = [
            self._inside(item, one, member.fhir_type, field)
            for one in values
            if one is not None or member.kind == "element"
        ]
        return self._filtered(items, field.arguments, field) if field.arguments else items

    def _inside(self, item: Item, value: Any, fhir_type: str, field: Field) -> Item:
        """Return a part of a value; a resource in it has its own type, and stands for itself."""
        if not isinstance(value, dict) or "resourceType" not in value:
            return Item(value, fhir_type, item.resource)
        own = value["resourceType"] if self._types.is_resource(fhir_type) else fhir_type
        return Item(value, own, item.resource if field.name == "contained" else value)

    def _searched(self, item: Item, field: Field, member: Member) -> list[Item]:
        is_root = item.fhir_type == QUERY
        if not is_root and item.value is not item.resource:
            return []  # nothing refers to a contained resource from outside
        owner = None if is_root else f"{item.fhir_type}/{item.value.get('id', '')}"
        resource_type = field.name.removesuffix("List").removesuffix("Connection")
        found = self._known.found(asked(resource_type, field, owner))
        if member.kind == "connection":
            return [] if found is None else [self._page(found, field, resource_type)]
        listed: Any = found or ()
        items = [Item(one, resource_type, one) for one in listed]
        return self._filtered(items, {"fhirpath": field.arguments.get("fhirpath")}, field)

    def _page(self, page: Any, field: Field, resource_type: str) -> Item:
        path = field.arguments.get("fhirpath")
        if path is not None:
            kept = [
                edge
                for edge in page["edges"]
                if self._holds(
                    Item(edge["resource"], resource_type, edge["resource"]), str(path), field
                )
            ]
            page = {**page, "edges": kept}
        return Item(page, field.name, None)

    def _read(self, field: Field, member: Member) -> list[Item]:
        logical_id = str(field.arguments["id"])
        key = Key(ResourceType(member.fhir_type), LogicalId(logical_id))
        found = self._known.resource(key)
        if found is None and key in self._known.resources:
            name = f"{member.fhir_type}/{logical_id}"
            if key in self._known.deleted:
                raise refused(Deleted.of("deleted", found=name), field.place)
            raise refused(NotFound.of("not-found", found=name), field.place)
        return [] if found is None else [Item(found, member.fhir_type, found)]

    def _target(self, item: Item, field: Field) -> list[Item]:
        """Return the resource that a reference leads to."""
        text = item.value.get("reference")
        wanted = field.arguments.get("type")
        found, is_pending = self._resolved(text, item.resource)
        if is_pending:
            return []
        if found is None:
            named = _type_of(text, self._base) or item.value.get("type")
            is_other = wanted is not None and named is not None and named != wanted
            if field.arguments.get("optional") is True or is_other:
                return []
            raise Faults(
                fault("graphql-unresolved", field.place, found=text or "-").problems,
                NotFound.status,
            )
        resource, owner = found
        fhir_type = str(resource.get("resourceType"))
        return [] if wanted not in {None, fhir_type} else [Item(resource, fhir_type, owner)]

    def _resolved(
        self, text: Any, resource: JsonObject | None
    ) -> tuple[tuple[JsonObject, JsonObject | None] | None, bool]:
        """Return a resource with the one that it is in; and whether it must be fetched first."""
        if not isinstance(text, str):
            return None, False
        if text.startswith("#"):
            inside = (resource or {}).get("contained", ())
            found = next((one for one in inside if one.get("id") == text[1:]), None)
            return (None if found is None else (found, resource)), False
        match = _RELATIVE.fullmatch(text.removeprefix(self._base))
        if match is None or match["type"] not in self._types.resource_types:
            return None, False
        version = VersionId(int(match["version"])) if match["version"] else None
        key = Key(ResourceType(match["type"]), LogicalId(match["id"]), version)
        read = self._known.resource(key)
        return (None if read is None else (read, read)), key in self._known.wanted

    def _filtered(self, items: list[Item], arguments: Any, field: Field) -> list[Item]:
        for name, value in arguments.items():
            if name == "fhirpath" and value is not None:
                items = [one for one in items if self._holds(one, str(value), field)]
            elif name not in {"_offset", "_count", "fhirpath"}:
                items = [one for one in items if _has(one.value, name, text_of(value))]
        start, count = arguments.get("_offset") or 0, arguments.get("_count")
        return items[start:] if count is None else items[start : start + count]

    def _holds(self, item: Item, path: str, field: Field) -> bool:
        found = self._evaluated(item, path, field)
        return bool(found) and (len(found) > 1 or found[0].value is not False)

    def _evaluated(self, item: Item, path: str, field: Field) -> Sequence[Node]:
        expression = self._expressions.get(path)
        if expression is None:
            expression = self._expressions[path] = compile_expression(path, self._types)
        around = item.resource
        root = None if around is None else node(around, str(around.get("resourceType")))
        try:
            return expression.evaluate(node(item.value, item.fhir_type), Env(resource=root))
        except FhirError as refusal:
            raise refused(refusal, field.place) from refusal

    def _suffix(self, field: Field, item: Item, index: int) -> str:
        path = field.shape.slice
        if path is None:
            return ""
        if path == INDEX:
            return f".{index}"
        found = self._evaluated(item, path, field)
        return "".join(f".{text_of(one.value)}" for one in found[:1] if one.value is not None)


def _merged(first: Field | None, second: Field) -> Field:
    """Let two fields with one name in the answer be one.

    Raises:
        Faults: They ask different things.
    """
    if first is None:
        return second
    asks = [(one.name, one.arguments, one.shape) for one in (first, second)]
    if asks[0] != asks[1]:
        raise fault("graphql-conflict", second.place, found=second.key)
    return Field(
        key=first.key,
        name=first.name,
        arguments=first.arguments,
        shape=first.shape,
        selection=first.selection + second.selection,
        conditions=first.conditions,
        place=first.place,
    )


def _has(value: Any, name: str, wanted: str) -> bool:
    found = value.get(name) if isinstance(value, dict) else None
    values: Iterable[Any] = found if isinstance(found, list) else (found,)
    return any(text_of(one) == wanted for one in values if one is not None)


def _type_of(text: Any, base: str) -> str | None:
    match = _RELATIVE.fullmatch(text.removeprefix(base)) if isinstance(text, str) else None
    return None if match is None else match["type"]
