"""Search expressions as straight paths through JSON.

Nearly all of R4's 1,384 expressions are unions of paths such as ``Patient.name.family`` or
``Observation.subject.where(resolve() is Patient)``. Those become closures over the JSON itself;
what is more than a path is left to the FHIRPath engine (`fhir_server.search.plan`).

Spec: https://hl7.org/fhir/R4/searchparameter-definitions.html#SearchParameter.expression
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from fhir_server.definitions import TypeTable
from fhir_server.fhirpath import tree
from fhir_server.search.gathered import Gathered, Writer
from fhir_server.search.links import read_link


class Field(NamedTuple):
    """``.name``."""

    name: str


class OfType(NamedTuple):
    """``as T``, ``.as(T)``, ``.ofType(T)``."""

    type: str


class Equals(NamedTuple):
    """``.where(name = 'value')``."""

    name: str
    value: str


class Refers(NamedTuple):
    """``.where(resolve() is T)``, decided by what the reference itself says."""

    type: str


class Extensions(NamedTuple):
    """``.extension('url')``."""

    url: str


class Nth(NamedTuple):
    """``[n]`` right after a field."""

    position: int


Step = Field | OfType | Equals | Refers | Extensions | Nth


class Path(NamedTuple):
    """A path from a resource type, from ``%resource``, or from the focus (root "")."""

    root: str
    steps: tuple[Step, ...]


def union_parts(expression: tree.Tree) -> Iterator[tree.Tree]:
    """Yield what the ``|`` of an expression puts together."""
    if isinstance(expression, tree.Binary) and expression.operator == "|":
        yield from union_parts(expression.left)
        yield from union_parts(expression.right)
    else:
        yield expression


def as_path(expression: tree.Tree) -> Path | None:
    """Return the expression as a path; None: it is more than that."""
    match expression:
        case tree.Variable(name="resource"):
            return Path("%resource", ())
        case tree.Member(source=None, name=name):
            return Path(name, ()) if name[0].isupper() else Path("", (Field(name),))
        case tree.Member(source=source, name=name) if source is not None:
            return _after(source, Field(name))
        case tree.TypeOperation(operator="as", operand=operand, type=of_type):
            return _after(operand, OfType(of_type.name))
        case tree.Index(source=source, index=tree.Number(text=text)) if text.isdigit():
            return _after(source, Nth(int(text)))
        case tree.Call(source=source, name=name, arguments=(argument,)) if source is not None:
            step = _call(name, argument)
            return None if step is None else _after(source, step)
    return None


def _after(source: tree.Tree, step: Step) -> Path | None:
    before = as_path(source)
    return None if before is None else Path(before.root, (*before.steps, step))


def _call(name: str, argument: tree.Tree) -> Step | None:
    match name, argument:
        case "as" | "ofType", tree.Member(source=None, name=of_type):
            return OfType(of_type)
        case "extension", tree.String(value=url):
            return Extensions(url)
        case "where", tree.Binary(
            operator="=", left=tree.Member(source=None, name=left), right=tree.String(value=value)
        ):
            return Equals(left, value)
        case "where", tree.TypeOperation(
            operator="is", operand=tree.Call(source=None, name="resolve"), type=of_type
        ):
            return Refers(of_type.name)
    return None


MakeWriter = Callable[[str], Writer | None]
"""Gives what indexes values of a FHIR type; None: such values are not indexed."""


class PathCompiler:
    """Turns paths into closures, by the types of the definitions.

    Args:
        types: The type table.
        base_urls: Own base URLs, for references that are asked where they go.
    """

    def __init__(self, types: TypeTable, base_urls: tuple[str, ...]) -> None:
        self._types = types
        self._base_urls = base_urls

    def compile(
        self, steps: tuple[Step, ...], fhir_type: str, make_writer: MakeWriter
    ) -> Writer | None:
        """Return what follows ``steps`` from a value of ``fhir_type``; None: they lead nowhere."""
        if not steps:
            return make_writer(fhir_type)
        step, rest = steps[0], steps[1:]
        if isinstance(step, Field):
            return self._field(step, rest, fhir_type, make_writer)
        if isinstance(step, OfType):
            is_type = self._is(fhir_type, step.type)
            return self.compile(rest, fhir_type, make_writer) if is_type else None
        if isinstance(step, Extensions):
            return self._extensions(step, rest, make_writer)
        following = self.compile(rest, fhir_type, make_writer)
        if following is None or isinstance(step, Nth):
            return following
        if isinstance(step, Equals):
            return _equals(step, following)
        return self._refers(step, following) if fhir_type == "Reference" else None

    def fields(
        self, steps: tuple[Step, ...], fhir_type: str, make_writer: MakeWriter
    ) -> Mapping[str, Writer] | None:
        """Return by JSON property what a path does that starts with a field; None: no element."""
        step, rest = steps[0], steps[1:]
        element = self._types.element(fhir_type, step.name) if isinstance(step, Field) else None
        if element is None or not isinstance(step, Field):
            return None
        index = None
        if rest and isinstance(rest[0], Nth):
            index, rest = rest[0].position, rest[1:]
        found: dict[str, Writer] = {}
        for of_type in element.types:
            following = self.compile(rest, of_type, make_writer)
            if following is not None:
                key = step.name
                if element.is_choice:
                    key += of_type[0].upper() + of_type[1:]
                found[key] = self._each(following, of_type, element.is_collection, index)
        return found

    def _field(
        self, step: Field, rest: tuple[Step, ...], fhir_type: str, make_writer: MakeWriter
    ) -> Writer | None:
        found = self.fields((step, *rest), fhir_type, make_writer)
        if not found:
            return None
        if len(found) == 1:
            ((key, following),) = found.items()
            return _one_property(key, following)
        return _choice(found)

    def _each(
        self, following: Writer, fhir_type: str, is_collection: bool, index: int | None
    ) -> Writer:
        is_scalar = self._types.is_primitive(fhir_type)
        if not is_collection:
            return following if is_scalar else _object(following)
        return _array(following, is_scalar, index)

    def _extensions(
        self, step: Extensions, rest: tuple[Step, ...], make_writer: MakeWriter
    ) -> Writer | None:
        following = self.compile(rest, "Extension", make_writer)
        if following is None:
            return None
        url = step.url

        def write(value: Any, into: Gathered) -> None:
            for extension in value.get("extension") or ():
                if extension.get("url") == url:
                    following(extension, into)

        return write

    def _refers(self, step: Refers, following: Writer) -> Writer:
        wanted, base_urls = step.type, self._base_urls

        def write(value: Any, into: Gathered) -> None:
            if _target_type(value, into, base_urls) == wanted:
                following(value, into)

        return write

    def _is(self, fhir_type: str, wanted: str) -> bool:
        """R4 writes ``DateTime`` for ``dateTime`` once."""
        return self._types.is_subtype(fhir_type, wanted) or self._types.is_subtype(
            fhir_type, wanted[0].lower() + wanted[1:]
        )


def _target_type(reference: Any, into: Gathered, base_urls: tuple[str, ...]) -> str | None:
    """What type a reference goes to, without looking there."""
    link = reference.get("reference")
    if link is None:
        found = reference.get("type")
    elif link[:1] == "#":
        found = next(
            (
                inner.get("resourceType")
                for inner in into.resource.get("contained") or ()
                if inner.get("id") == link[1:]
            ),
            None,
        )
    else:
        found = read_link(link, base_urls).type or reference.get("type")
    return found if found.__class__ is str else None


def _equals(step: Equals, following: Writer) -> Writer:
    name, wanted = step

    def write(value: Any, into: Gathered) -> None:
        if value.get(name) == wanted:
            following(value, into)

    return write


def _one_property(key: str, following: Writer) -> Writer:
    def write(value: Any, into: Gathered) -> None:
        found = value.get(key)
        if found is not None:
            following(found, into)

    return write


def _choice(by_key: Mapping[str, Writer]) -> Writer:
    def write(value: Any, into: Gathered) -> None:
        for key in value:
            following = by_key.get(key)
            if following is not None:
                following(value[key], into)

    return write


def _object(following: Writer) -> Writer:
    def write(value: Any, into: Gathered) -> None:
        if value.__class__ is dict:
            following(value, into)

    return write


def _array(following: Writer, is_scalar: bool, index: int | None) -> Writer:
    def write(value: Any, into: Gathered) -> None:
        if value.__class__ is list:
            for item in value if index is None else value[index : index + 1]:
                if is_scalar or item.__class__ is dict:
                    following(item, into)

    return write
