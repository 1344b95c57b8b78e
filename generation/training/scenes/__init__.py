"""Composed training scenes: recipes (what is in a picture), captions (what is said of it), painting."""
