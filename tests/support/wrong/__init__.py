"""Right components of each kind, and wrong ones that differ from them in one thing each."""
