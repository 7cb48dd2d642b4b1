"""The MongoDB store, for production: a replica set or a sharded cluster."""

from fhir_server.storage.mongodb.store import MongoStore, open_mongodb

__all__ = ["MongoStore", "open_mongodb"]
