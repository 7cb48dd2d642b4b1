"""Hand-written scanners of primitive values, by FHIR type; None means fine.

Spec: https://hl7.org/fhir/R4/datatypes.html#primitive
"""

from collections.abc import Mapping
from types import MappingProxyType

from fhir_server.validation.primitive.number import (
    scan_boolean,
    scan_decimal,
    scan_integer,
    scan_positive_int,
    scan_unsigned_int,
)
from fhir_server.validation.primitive.temporal import (
    scan_date,
    scan_date_time,
    scan_instant,
    scan_time,
)
from fhir_server.validation.primitive.text import (
    Scan,
    scan_base64,
    scan_canonical,
    scan_code,
    scan_id,
    scan_markdown,
    scan_oid,
    scan_string,
    scan_uri,
    scan_uuid,
)
from fhir_server.validation.primitive.xhtml import scan_xhtml

SCANNERS: Mapping[str, Scan] = MappingProxyType(
    {
        "base64Binary": scan_base64,
        "boolean": scan_boolean,
        "canonical": scan_canonical,
        "code": scan_code,
        "date": scan_date,
        "dateTime": scan_date_time,
        "decimal": scan_decimal,
        "id": scan_id,
        "instant": scan_instant,
        "integer": scan_integer,
        "markdown": scan_markdown,
        "oid": scan_oid,
        "positiveInt": scan_positive_int,
        "string": scan_string,
        "time": scan_time,
        "unsignedInt": scan_unsigned_int,
        "uri": scan_uri,
        "url": scan_uri,
        "uuid": scan_uuid,
        "xhtml": scan_xhtml,
        "System.String": scan_string,
        "System.Boolean": scan_boolean,
        "System.Integer": scan_integer,
        "System.Decimal": scan_decimal,
        "System.Date": scan_date,
        "System.DateTime": scan_date_time,
        "System.Time": scan_time,
    }
)
"""The scanner of every primitive type, FHIRPath's system types included."""

__all__ = ["SCANNERS", "Scan"]
