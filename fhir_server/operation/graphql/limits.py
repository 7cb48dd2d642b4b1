"""How much one query may ask.

Spec: https://hl7.org/fhir/R4/graphql.html
"""

MAX_CHARACTERS = 100_000
MAX_TOKENS = 10_000
MAX_COMMENTS = 1_000
MAX_DEPTH = 25
"""Fields and fragments inside one another; HL7's examples need 4, tools' introspection 13."""
MAX_FIELDS = 2_000
"""Fields once each fragment is written out where it is used."""
MAX_SEARCHES = 50
MAX_RESOURCES = 2_000
"""Read by reference or found by searches, together."""
MAX_VALUES = 200_000
"""Values of the answer."""
MAX_TOLD = 20
"""Errors that are told of one query."""
