"""Video, image and audio files: reading, drawing, writing."""
