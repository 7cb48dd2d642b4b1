"""The compiled element tree of a StructureDefinition: what validation, search and FHIRPath walk.

Spec: https://hl7.org/fhir/R4/elementdefinition.html and https://hl7.org/fhir/R4/profiling.html
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from fhir_server.model import Canonical

BindingStrength = Literal["required", "extensible", "preferred", "example"]
DiscriminatorType = Literal["value", "exists", "pattern", "type", "profile"]
SlicingRules = Literal["open", "closed", "openAtEnd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRef:
    """One type an element may have.

    Attributes:
        code: FHIR type such as ``HumanName``; FHIRPath's primitive types as ``System.String``.
        profiles: Profiles on the type, one of which must hold.
        target_profiles: For references and canonicals: profiles on the target, one must hold.
        aggregation: ``contained``, ``referenced``, ``bundled``.
        versioning: ``either``, ``independent`` or ``specific``.
        value_type: For FHIRPath's primitive types: the FHIR type whose syntax holds (``uri`` for
            ``Extension.url``).
    """

    code: str
    profiles: tuple[Canonical, ...] = ()
    target_profiles: tuple[Canonical, ...] = ()
    aggregation: tuple[str, ...] = ()
    versioning: str | None = None
    value_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The value set the codes of an element come from."""

    strength: BindingStrength
    value_set: Canonical | None
    max_value_set: Canonical | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """An invariant.

    Attributes:
        key: Unique in the structure that introduced it.
        severity: What breaking it means.
        human: For people, in the language of the definition.
        translations: ``human`` in other languages, as (language, text).
        expression: FHIRPath; None where only XPath or prose is given.
        source: Canonical of the structure that introduced it.
        is_best_practice: Whether it only says what is good practice.
    """

    key: str
    severity: Literal["error", "warning"]
    human: str
    expression: str | None
    source: Canonical | None = None
    translations: tuple[tuple[str, str], ...] = ()
    is_best_practice: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Discriminator:
    """What tells the slices of an element apart; ``path`` is restricted FHIRPath."""

    type: DiscriminatorType
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicing:
    """How an element is cut into slices."""

    discriminators: tuple[Discriminator, ...]
    rules: SlicingRules
    is_ordered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedValue:
    """The value of ``fixed[x]``, ``pattern[x]`` …; ``fhir_type`` as in the key (``Coding``)."""

    fhir_type: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One node of the tree: an ElementDefinition of a snapshot with its children and slices.

    Attributes:
        id: Element id such as ``Patient.identifier:rnokpp.value``.
        path: Element path such as ``Patient.identifier.value``.
        name: JSON property without ``[x]`` (``value`` for ``value[x]``); at the root the type.
        is_choice: Whether the path ends in ``[x]``, so that the JSON property carries the type.
        slice_name: Name of the slice that this element is, in its own slicing only.
        min: Lower cardinality.
        max: Upper cardinality; None is ``*``.
        base_max: Upper cardinality of the base definition: decides whether JSON has an array.
        types: Allowed types; empty at a root and where ``content_reference`` is set.
        content_reference: Element id whose children this one has (``Questionnaire.item``).
        fixed: The value must equal it exactly.
        pattern: The value must contain it.
        min_value: Least value allowed.
        max_value: Greatest value allowed.
        max_length: Longest string allowed, in characters.
        binding: Where its codes come from.
        constraints: Invariants, inherited ones included.
        checks: Ids of registered checks, for what FHIRPath cannot say.
        slicing: Set where the element is cut into slices.
        slices: The slices, in order; slices of slices hang below their slice.
        children: Elements one level down that the snapshot spells out; empty where the type's own
            definition has them.
        is_modifier: ``isModifier``.
        is_summary: ``isSummary``.
        must_support: ``mustSupport``.
        representation: ``xmlAttr``, ``xhtml`` … where set.
        regex: For the value of a primitive type: its pattern.
        default_language_labels: ``short`` text by language, for people.
    """

    id: str
    path: str
    name: str
    is_choice: bool = False
    slice_name: str | None = None
    min: int = 0
    max: int | None = None
    base_max: int | None = None
    types: tuple[TypeRef, ...] = ()
    content_reference: str | None = None
    fixed: FixedValue | None = None
    pattern: FixedValue | None = None
    min_value: FixedValue | None = None
    max_value: FixedValue | None = None
    max_length: int | None = None
    binding: Binding | None = None
    constraints: tuple[Constraint, ...] = ()
    checks: tuple[str, ...] = ()
    slicing: Slicing | None = None
    slices: tuple["Element", ...] = ()
    children: tuple["Element", ...] = ()
    is_modifier: bool = False
    is_summary: bool = False
    must_support: bool = False
    representation: str | None = None
    regex: str | None = None
    default_language_labels: tuple[tuple[str, str], ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """A compiled StructureDefinition.

    Attributes:
        url: Canonical URL without version.
        version: Business version.
        name: Computer-friendly name.
        title: Names for people by language (``uk``, ``en``).
        kind: ``resource``, ``complex-type``, ``primitive-type`` or ``logical``.
        is_abstract: Whether no instance can be of it directly.
        type: The FHIR type it describes or constrains.
        base: Canonical of what it derives from.
        derivation: ``specialization`` or ``constraint`` (a profile); None at the very root.
        contexts: For extensions: (kind, expression) pairs that say where it may stand.
        context_invariants: For extensions: FHIRPath that must hold where it stands.
        root: The element tree.
    """

    url: Canonical
    version: str | None
    name: str
    title: tuple[tuple[str, str], ...]
    kind: str
    is_abstract: bool
    type: str
    base: Canonical | None
    derivation: Literal["specialization", "constraint"] | None
    contexts: tuple[tuple[str, str], ...] = ()
    context_invariants: tuple[str, ...] = ()
    root: Element
