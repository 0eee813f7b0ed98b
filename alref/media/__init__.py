"""Read, draw and write video, image and audio files."""
