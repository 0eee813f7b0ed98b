"""Find and load plugins, and look up what they register."""
