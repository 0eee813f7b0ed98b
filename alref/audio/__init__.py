"""What components that hear share: windows of sound, spans in which something is heard, segments, and AudioSet's names."""
