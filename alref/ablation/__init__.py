"""Ablations: a grid file defines rows, which share common stages; a table compares them with a baseline."""
