"""Segment the object that a person points at, in every frame of a video."""
