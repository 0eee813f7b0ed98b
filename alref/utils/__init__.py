"""Atomic files, masks as RLE, threads."""
