"""A leaf library: imports Django, DRF and the standard library, never one of our apps."""
