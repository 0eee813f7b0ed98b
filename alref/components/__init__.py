"""What the author of a plugin derives from: components, their options, datasets and protocols."""
