"""Benchmarks: predict and score videos one by one, so that an interrupted run resumes."""
