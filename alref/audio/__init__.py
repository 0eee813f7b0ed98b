"""Shared code of audio components: windows, time spans in which something sounds, segments, and AudioSet's classes."""
