"""Parameter types: how values of each are indexed, and how a search for them is read."""
