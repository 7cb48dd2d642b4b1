"""What holds for the content of resources beyond their definitions: links, graphs, agreement.

These are the rules of HL7's validator that R4 states in prose or that follow from the purpose of a
resource. See docs/decisions/0034-strict-validation.md.

Spec: https://hl7.org/fhir/R4/validation.html
"""

from fhir_server.validation.content import profile_extension
from fhir_server.validation.content.checks import checks_by_type, strict_check
from fhir_server.validation.content.vital_sign import profiles_by_code

__all__ = ["checks_by_type", "profile_extension", "profiles_by_code", "strict_check"]
