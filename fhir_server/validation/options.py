"""How strict a validation is: one frozen value."""

from dataclasses import dataclass

from fhir_server.model import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationOptions:
    """What the specification leaves to the one who validates.

    Attributes:
        unknown_extension: An extension whose definition is not here.
        unknown_profile: A profile that is claimed but not here.
        unknown_system: A code of a code system that is not here, under a required binding.
        wrong_display: A display that the code system does not know for the code.
        best_practice: A constraint marked as best practice, such as dom-6; None leaves them out.
        missing_target: A reference that stays inside a Bundle or resource and leads nowhere.
        with_demands: Whether resources must also meet the profiles the registry demands of their
            type.
        max_issues: How many issues are told at most; one more says that there are more.
    """

    unknown_extension: Severity = "information"
    unknown_profile: Severity = "warning"
    unknown_system: Severity = "warning"
    wrong_display: Severity = "warning"
    best_practice: Severity | None = "warning"
    missing_target: Severity = "error"
    with_demands: bool = False
    max_issues: int = 500
