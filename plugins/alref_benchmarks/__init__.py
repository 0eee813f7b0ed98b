"""Data sets, their official measures, and what their servers want handed in."""
