"""The demo shop: a small real shop and simulated visitors that walk the whole path."""
