"""The MongoDB store, for production: a replica set or a sharded cluster."""

from fhir_server.storage.mongodb.door import database_name, open_mongodb
from fhir_server.storage.mongodb.sharding import shard_plan
from fhir_server.storage.mongodb.store import MongoStore

__all__ = ["MongoStore", "database_name", "open_mongodb", "shard_plan"]
