"""The engine: the order of the stages, and the checks and the cache around each call."""
