"""Whole benchmarks: videos predicted and scored, each written whole, so that a run goes on wherever it was stopped."""
