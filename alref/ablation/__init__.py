"""Ablations: one file says what varies; rows share what they have in common, and a table compares them with a base."""
