"""What is wrong in a document, each with its place.

Spec: https://hl7.org/fhir/R4/xml.html
"""

from typing import Any, NoReturn
from xml.parsers import expat

from fhir_server.model import InvalidRequest, Issue, Position, issue
from fhir_server.xml.frame import Frame

_MAX_FINDINGS = 100


class Faults:
    """Collects the faults of one document; it can be read on after each of them.

    Args:
        parser: Knows the place of what is read just now.
    """

    def __init__(self, parser: expat.XMLParserType) -> None:
        self._parser = parser
        self._found: list[Issue] = []

    def here(self) -> Position:
        """Return the place of what is read just now."""
        return Position(self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1)

    def note(self, rule: str, frame: Frame, **values: Any) -> None:
        """Note a fault in or at the element ``frame``.

        Raises:
            InvalidRequest: There are so many that reading on helps nobody.
        """
        line, column = self.here()
        self._found.append(
            issue(
                rule,
                expression=frame.expression(),
                pointer=frame.pointer(),
                line=line,
                column=column,
                **values,
            )
        )
        if len(self._found) >= _MAX_FINDINGS:
            self.refuse_if_any()

    def refuse(self, rule: str, **values: Any) -> NoReturn:
        """Stop reading at a fault behind which nothing can be understood.

        Raises:
            InvalidRequest: With this fault and those before it.
        """
        line, column = self.here()
        raise InvalidRequest((*self._found, issue(rule, line=line, column=column, **values)))

    def refuse_if_any(self) -> None:
        """Refuse the document where faults were noted.

        Raises:
            InvalidRequest: With all of them.
        """
        if self._found:
            raise InvalidRequest(self._found)
