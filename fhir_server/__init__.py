"""HL7 FHIR R4 server for the records of Ukraine's e-health system (ЕСОЗ)."""

__version__ = "0.1.0"
