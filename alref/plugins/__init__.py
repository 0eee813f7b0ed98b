"""Finding plugins, loading them, and looking up what they register."""
