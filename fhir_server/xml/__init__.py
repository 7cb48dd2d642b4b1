"""FHIR XML: the second format of resources, in and out, driven by the definitions."""

from fhir_server.xml.codec import XmlCodec, XmlText

__all__ = ["XmlCodec", "XmlText"]
