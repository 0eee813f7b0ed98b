"""Load models: weights, devices, and libraries."""
