"""Weights, devices, and loading models."""
