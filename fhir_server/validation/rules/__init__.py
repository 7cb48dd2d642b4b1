"""What is checked of one value: one module per concern of ElementDefinition.

Each module has ``compile_rule(element, place)``, which returns a check for the element's values or
None where the element asks for nothing. Cardinality, JSON shape and choices belong to the walk
itself (`shape`, `overlay`); slices to `slicing`.

Spec: https://hl7.org/fhir/R4/elementdefinition.html
"""
