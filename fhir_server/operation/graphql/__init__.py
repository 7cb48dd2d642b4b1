"""GraphQL for FHIR: queries over what is stored, by the definitions.

Spec: https://hl7.org/fhir/R4/graphql.html
"""

from fhir_server.operation.graphql.handler import GRAPHQL

__all__ = ["GRAPHQL"]
