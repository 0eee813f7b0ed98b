"""The engine: the order of the stages, and what happens around each call of one."""
