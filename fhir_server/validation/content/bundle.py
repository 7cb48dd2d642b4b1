"""What holds for Bundles as a whole, by their type.

Spec: https://hl7.org/fhir/R4/bundle.html
"""

from fhir_server.model import JsonObject
from fhir_server.validation.content.bundle_entry import entry_findings
from fhir_server.validation.content.bundle_graph import graph_findings
from fhir_server.validation.content.bundle_link import link_findings
from fhir_server.validation.content.bundle_search import search_findings
from fhir_server.validation.finding import Findings
from fhir_server.validation.scope import Scope

_GRAPHS = frozenset(("document", "message"))


def check(bundle: JsonObject, scope: Scope) -> Findings | None:
    """Check links and entries; identities and ambiguous references only where that is asked."""
    found: Findings = list(link_findings(bundle))
    kind = str(bundle.get("type"))
    if kind == "searchset":
        found += search_findings(bundle, scope.run.table.registry.types.resource_types)
    elif kind in _GRAPHS:
        found += graph_findings(bundle, scope.index)
    if scope.run.is_strict:
        found += entry_findings(bundle, scope.index)
    return found or None
