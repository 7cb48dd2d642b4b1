"""The MongoDB store, for production: a replica set or a sharded cluster."""

from fhir_server.storage.mongodb.door import open_mongodb
from fhir_server.storage.mongodb.store import MongoStore

__all__ = ["MongoStore", "open_mongodb"]
