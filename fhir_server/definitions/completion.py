"""Fill in snapshots and make sure that each structure compiles.

Spec: https://hl7.org/fhir/R4/profiling.html#snapshot
"""

from collections.abc import Iterator, Sequence

from fhir_server.definitions.errors import DefinitionErrors
from fhir_server.definitions.snapshot import SnapshotGenerator, StructureSource
from fhir_server.definitions.tree import TreeCompiler
from fhir_server.model import Issue, JsonObject, issue

_NEEDED = {
    "StructureDefinition": ("url", "type", "kind"),
    "SearchParameter": ("url", "code", "type"),
    "CompartmentDefinition": ("url", "code"),
}

DefinitionSource = StructureSource


def check(resource: JsonObject) -> Iterator[Issue]:
    """Report what a definition lacks to be filed at all."""
    kind = resource.get("resourceType")
    if not isinstance(kind, str):
        yield issue("definition-incomplete", kind="definition", expected="resourceType")
        return
    for name in _NEEDED.get(kind, ()):
        if not isinstance(resource.get(name), str):
            yield issue("definition-incomplete", expression=kind, kind=kind, expected=name)


def complete(
    source: DefinitionSource, definitions: Sequence[JsonObject]
) -> tuple[list[JsonObject], list[Issue]]:
    """Generate the missing snapshots and try every element tree.

    Args:
        source: Where other structures are looked up, the given ones included.
        definitions: StructureDefinitions.

    Returns:
        The definitions with snapshots, in the same order as far as they are good, and all findings.
    """
    generator = SnapshotGenerator(source)
    trees = TreeCompiler()
    done: list[JsonObject] = []
    problems: list[Issue] = []
    for definition in definitions:
        try:
            made = generator.complete(definition)
            trees.compile(made)
        except DefinitionErrors as error:
            problems.extend(error.issues)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            problems.append(
                issue(
                    "structure-broken",
                    expression="StructureDefinition.snapshot",
                    source=definition["url"],
                    url=definition["url"],
                    found=str(error),
                )
            )
        else:
            done.append(made)
    return done, problems
