"""Where a check stands: the resource, what holds it, and what one validation call shares."""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from fhir_server.definitions import Element, Registry, Structure
from fhir_server.fhirpath import Env, Node
from fhir_server.model import JsonObject, Severity
from fhir_server.terminology import Terminology
from fhir_server.validation.bundle_index import BundleIndex
from fhir_server.validation.finding import Findings
from fhir_server.validation.options import ValidationOptions
from fhir_server.validation.suggestion import nearest

Check = Callable[[Any, JsonObject, "Scope"], Findings | None]
"""Checks the JSON under one key (value, object it stands in, scope); None means fine."""

Rule = Callable[[Any, Any, "Scope"], Findings | None]
"""Checks one value (value, primitive's ``_`` sibling, scope); None means fine."""


class ReferenceResolver(Protocol):
    """Gives targets of references that lie outside of the posted resource."""

    def resolve(self, reference: str) -> JsonObject | None:
        """Return the resource that a literal reference leads to; None: not here."""

    def is_deleted(self, reference: str) -> bool:
        """Say whether it led to a resource that has been deleted."""


NO_VARIABLES: Mapping[str, Sequence[Node]] = MappingProxyType({})


class Plans(Protocol):
    """What checks ask of the table of all plans (`plan_table.PlanTable`)."""

    @property
    def registry(self) -> Registry:
        """The definitions."""

    @property
    def terminology(self) -> Terminology:
        """Answers membership."""

    @property
    def options(self) -> ValidationOptions:
        """How strict."""

    @property
    def check_nested(self) -> Check:
        """Checks a resource in an entry or a parameter."""

    @property
    def check_contained(self) -> Check:
        """Checks the array ``contained``."""

    def type_check(self, fhir_type: str) -> Check:
        """Return the check of objects of a type."""

    def object_check(self, element: Element, fhir_type: str, structure: Structure) -> Check:
        """Return the check of the objects of an element."""

    def extension_list(self, holder: str, *, is_modifier: bool) -> Check:
        """Return the check of an array of extensions in elements of a type or path."""

    def properties(
        self, element: Element, structure: Structure, parent: Element
    ) -> dict[str, Check]:
        """Make the checks of an element's JSON properties."""

    def property_rules(
        self, element: Element, fhir_type: str, structure: Structure
    ) -> tuple[Rule, ...]:
        """Make the rules of an element beyond those of its type."""

    def rules(
        self,
        element: Element,
        structure: Structure,
        fhir_type: str,
        inherited: tuple[Element, ...] = (),
    ) -> tuple[Rule, ...]:
        """Make the rules for the values of an element, those of ``inherited`` left out."""

    def overlay(self, structure: Structure) -> Rule | None:
        """Return what a profile asks beyond its base type."""

    def element_rule(self, structure: Structure, element_id: str, fhir_type: str) -> Rule | None:
        """Return what one element of a profile asks of values of a type."""

    def check_profile(self, value: Any, structure: Structure, scope: "Scope") -> Findings | None:
        """Check a value against a profile."""

    def conforms(self, value: Any, structure: Structure, scope: "Scope") -> bool:
        """Say whether a value meets a profile."""

    def root_node(self, scope: "Scope") -> Node:
        """Return the node of the resource under check."""

    def environment(
        self, scope: "Scope", variables: Mapping[str, Sequence[Node]] = NO_VARIABLES
    ) -> Env:
        """Return the surroundings of an expression."""


MOST_COMPARED = 200_000


class Contained(NamedTuple):
    """The resources in ``contained`` of one resource.

    Attributes:
        by_id: The first of each id.
        identities: Of the objects.
    """

    by_id: dict[str, JsonObject]
    identities: frozenset[int]

    @classmethod
    def of(cls, root: JsonObject) -> "Contained":
        """Index a resource; whatever is of a wrong shape is left out."""
        members = root.get("contained")
        objects = [m for m in (members if isinstance(members, list) else ()) if isinstance(m, dict)]
        by_id = {
            member["id"]: member
            for member in reversed(objects)
            if isinstance(member.get("id"), str)
        }
        return cls(by_id, frozenset(map(id, objects)))


class Run:
    """What one call of the validator shares: services, and verdicts that would be asked again."""

    __slots__ = (
        "_compared",
        "_contained",
        "conformance",
        "elsewhere",
        "is_strict",
        "resolver",
        "table",
        "unknown_profile",
    )

    def __init__(
        self, table: "Plans", resolver: ReferenceResolver | None, *, is_strict: bool = False
    ) -> None:
        self.table = table
        self.is_strict = is_strict
        self.unknown_profile: Severity = "warning" if is_strict else table.options.unknown_profile
        self.resolver = resolver
        self.conformance: dict[tuple[int, str], bool] = {}  # by identity of the value
        self.elsewhere: dict[int, Scope] = {}  # of targets outside, by identity; keeps them unique
        self._contained: dict[int, Contained] = {}  # by identity of the container
        self._compared = 0

    def contained(self, root: JsonObject) -> Contained:
        """Return what a resource contains, by id and by identity; thousands may refer to it."""
        known = self._contained.get(id(root))
        if known is None:
            known = self._contained[id(root)] = Contained.of(root)
        return known

    def may_compare(self, words: int) -> bool:
        """Say whether a wrong word may still be compared with so many right ones.

        One comparison takes 10 µs, and only the first findings are told.
        """
        if self._compared > MOST_COMPARED:
            return False
        self._compared += words
        return True

    def nearest(self, word: str, candidates: Collection[str]) -> tuple[str, ...]:
        """Return what ``word`` was probably meant to be, unless too much was compared already."""
        return nearest(word, candidates) if self.may_compare(len(candidates)) else ()


class Scope:
    """The resource under check.

    Attributes:
        run: See there.
        resource: The innermost resource.
        root: The resource it is contained in, or itself.
        holder: The scope of the Bundle whose entry it is, or of the Parameters it stands in.
        full_url: ``fullUrl`` of the entry it stands in.
        is_elsewhere: Whether it lies outside of what was posted.
        index: Of a Bundle: its entries by URL.
    """

    __slots__ = (
        "_element_ids", "_index", "env", "full_url", "holder", "is_elsewhere", "resource", "root",
        "run",
    )  # fmt: skip

    def __init__(
        self,
        run: Run,
        resource: JsonObject,
        *,
        root: JsonObject | None = None,
        holder: "Scope | None" = None,
        full_url: str | None = None,
        is_elsewhere: bool = False,
    ) -> None:
        self.run = run
        self.resource = resource
        self.root = resource if root is None else root
        self.holder = holder
        self.full_url = full_url
        self.is_elsewhere = is_elsewhere
        self.env: Env | None = None
        self._index: BundleIndex | None = None
        self._element_ids: set[str] | None = None

    @property
    def index(self) -> BundleIndex:
        """The entries of this Bundle by URL; made once."""
        if self._index is None:
            self._index = BundleIndex(self.resource)
        return self._index

    def is_new_id(self, element_id: str) -> bool:
        """Note the id of an element; False: another element of the resource has it."""
        if self._element_ids is None:
            self._element_ids = set()
        if element_id in self._element_ids:
            return False
        self._element_ids.add(element_id)
        return True

    @property
    def is_contained(self) -> bool:
        """Whether the resource lies in ``contained`` of another."""
        return self.root is not self.resource

    def contained(self, resource: JsonObject) -> "Scope":
        """Return the scope of a resource in ``contained``."""
        return Scope(
            self.run,
            resource,
            root=self.root,
            holder=self.holder,
            full_url=self.full_url,
            is_elsewhere=self.is_elsewhere,
        )

    def entry(self, resource: JsonObject, full_url: str | None) -> "Scope":
        """Return the scope of a resource that stands in an entry or a parameter of this one."""
        return Scope(
            self.run, resource, holder=self, full_url=full_url, is_elsewhere=self.is_elsewhere
        )

    def inside(self, resource: JsonObject) -> "Scope":
        """Return the scope of a resource that this one holds, refers to outside, or is."""
        if resource is self.resource:
            return self
        outside = self.run.elsewhere.get(id(resource))
        if outside is not None:
            return outside
        if id(resource) in self.run.contained(self.root).identities:
            return self.contained(resource)
        return self.entry(resource, self.index.url_of(resource))

    def elsewhere(self, resource: JsonObject) -> "Scope":
        """Return the scope of a resource that lies outside of what was posted."""
        known = self.run.elsewhere.get(id(resource))
        if known is None:
            known = self.run.elsewhere[id(resource)] = Scope(self.run, resource, is_elsewhere=True)
        return known
