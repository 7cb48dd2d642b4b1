"""The store on SQLite: one file, no service, or memory for tests."""

from fhir_server.storage.sqlite.door import open_sqlite

__all__ = ["open_sqlite"]
