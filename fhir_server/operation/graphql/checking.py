"""What is wrong with a query, found before anything is read: names, arguments, selections.

Spec: https://hl7.org/fhir/R4/graphql.html#errors
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches

from fhir_server.fhirpath import compile_expression
from fhir_server.model import FhirError
from fhir_server.operation.graphql.asking import BACKWARDS, CURSORS, EXCLUDED
from fhir_server.operation.graphql.document import Field
from fhir_server.operation.graphql.fault import Faults, Problem, problem
from fhir_server.operation.graphql.limits import MAX_TOLD
from fhir_server.operation.graphql.member import QUERY, Member, Members, type_name
from fhir_server.operation.graphql.value import Value

INDEX = "$index"
_OF_LISTS = ("fhirpath", "_offset", "_count")


class Checker:
    """Compares queries with the definitions.

    Args:
        members: Of the release.
    """

    def __init__(self, members: Members) -> None:
        self._members = members
        self._types = members.types

    def check(self, fields: Sequence[Field], fhir_type: str) -> None:
        """Check what is asked of a type.

        Raises:
            Faults: All that is wrong, the first `MAX_TOLD`.
        """
        found: list[Problem] = []
        for one in self._problems(fields, self._members.scope(fhir_type)):
            found.append(one)
            if len(found) == MAX_TOLD:
                break
        if found:
            raise Faults(found)

    def _problems(self, fields: Sequence[Field], scope: Collection[str]) -> Iterator[Problem]:
        for field in fields:
            unknown = [one for one in field.conditions if not self._is_type(one, scope)]
            if unknown:
                near = _near(unknown[0], self._types.resource_types)
                yield problem(
                    "graphql-type-unknown", field.place, found=unknown[0], suggestions=near
                )
                continue
            narrowed = [one for one in scope if self._members.fits(one, field.conditions)]
            if not narrowed:
                yield problem(
                    "graphql-type-never",
                    field.place,
                    found=field.conditions[-1],
                    expected=type_name(min(scope)),
                )
                continue
            yield from self._field(field, narrowed)

    def _field(self, field: Field, scope: Collection[str]) -> Iterator[Problem]:
        members = {
            found for one in scope if (found := self._members.of(one, field.name)) is not None
        }
        if not members:
            yield self._unknown(field, scope)
            return
        yield from self._shaped(field)
        yield from self._arguments(field, members, QUERY in scope)
        leaves = {self._members.is_leaf(member.fhir_type) for member in members}
        if leaves == {True} and field.selection:
            yield problem("graphql-leaf", field.place, found=field.name)
        elif leaves == {False} and not field.selection:
            yield problem("graphql-no-leaf", field.place, found=field.name)
        elif field.selection:
            inside = frozenset[str]().union(*(self._inside(field, member) for member in members))
            yield from self._problems(field.selection, inside)

    def _inside(self, field: Field, member: Member) -> frozenset[str]:
        wanted = field.arguments.get("type")
        if member.kind == "target" and wanted in self._types.resource_types:
            return frozenset((str(wanted),))
        return self._members.scope(member.fhir_type)

    def _is_type(self, name: str, scope: Collection[str]) -> bool:
        return self._types.is_type(name) or any(type_name(one) == name for one in scope)

    def _unknown(self, field: Field, scope: Collection[str]) -> Problem:
        known = {name: None for one in sorted(scope)[:50] for name in self._members.names(one)}
        near = _near(field.name, known)
        return problem(
            "graphql-field-unknown",
            field.place,
            found=field.name,
            expected=type_name(next(iter(scope))) if len(scope) == 1 else "Resource",
            nearest=near[0] if near else "-",
            suggestions=near,
        )

    def _shaped(self, field: Field) -> Iterator[Problem]:
        path = field.shape.slice
        if path is not None and path != INDEX:
            yield from self._expression(field, path)

    def _arguments(
        self, field: Field, members: Collection[Member], is_root: bool
    ) -> Iterator[Problem]:
        kinds = {member.kind for member in members}
        if not kinds.isdisjoint({"list", "connection"}):
            yield from self._criteria(field, is_root)
            return
        allowed = {name: kind for member in members for name, kind in self._allowed(member)}
        if "read" in kinds:
            yield from self._missing(field, "id")
        for name, value in field.arguments.items():
            if name not in allowed:
                near = _near(name, allowed)
                yield problem(
                    "graphql-argument-unknown",
                    field.place,
                    found=name,
                    name=field.name,
                    expected=", ".join(allowed) or "-",
                    suggestions=near,
                )
            elif not _CHECKS[allowed[name]](value):
                yield self._wrong(field, name, allowed[name])
            elif name == "type" and str(value) not in self._types.resource_types:
                near = _near(str(value), self._types.resource_types)
                yield problem("graphql-type-unknown", field.place, found=value, suggestions=near)
            elif name == "fhirpath":
                yield from self._expression(field, str(value))

    def _allowed(self, member: Member) -> Iterator[tuple[str, str]]:
        """Yield the arguments of a field that is no search, with their types."""
        if member.kind == "target":
            yield from (("optional", "Boolean"), ("type", "String"))
        elif member.kind == "read":
            yield "id", "ID"
        elif not self._members.is_leaf(member.fhir_type):
            for name, found in self._types.properties(member.fhir_type).items():
                if self._members.is_leaf(found.fhir_type):
                    yield name, "Scalar"
            yield from zip(_OF_LISTS, ("String", "Int", "Int"), strict=True)

    def _criteria(self, field: Field, is_root: bool) -> Iterator[Problem]:
        """A search has FHIR's parameters, which search itself checks, and a few of its own."""
        if not is_root:
            yield from self._missing(field, BACKWARDS)
        forbidden = {*EXCLUDED, *((BACKWARDS,) if is_root else (*CURSORS, "_id", "id"))}
        if field.name.endswith("List"):
            forbidden |= CURSORS
        for name in sorted(forbidden & field.arguments.keys()):
            yield problem(
                "graphql-argument-unknown",
                field.place,
                found=name,
                name=field.name,
                expected="FHIR search parameters, _count, _sort, _filter, fhirpath",
            )
        path = field.arguments.get("fhirpath")
        if path is not None:
            yield from self._expression(field, str(path))

    def _missing(self, field: Field, name: str) -> Iterator[Problem]:
        if not isinstance(field.arguments.get(name), str | int):
            yield self._wrong(field, name, "String")

    def _wrong(self, field: Field, name: str, expected: str) -> Problem:
        shown = f"{field.name}({name})"
        return problem("graphql-argument-type", field.place, name=shown, expected=expected)

    def _expression(self, field: Field, text: str) -> Iterator[Problem]:
        try:
            compile_expression(text, self._types)
        except FhirError as refusal:
            yield from (Problem(found, field.place) for found in refusal.issues)


_CHECKS: Mapping[str, Callable[[Value], bool]] = {
    "Boolean": lambda value: isinstance(value, bool),
    "String": lambda value: isinstance(value, str),
    "ID": lambda value: isinstance(value, str | int) and not isinstance(value, bool),
    "Int": lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
    "Scalar": lambda value: value is not None and not isinstance(value, list),
}


def _near(name: str, known: Collection[str]) -> tuple[str, ...]:
    return tuple(get_close_matches(name, known, n=3))
