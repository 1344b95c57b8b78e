"""pandas and Plotly, imported before somebody asks for a figure: the pages' workers do so at their start."""

from __future__ import annotations

import importlib
import threading

MODULE = "analytics.performance_page"  # brings whatever pages of figures need


def figures_preload() -> threading.Thread:
    """Import in a thread beside the first requests; one that needs a figure before waits for the import."""
    thread = threading.Thread(target=importlib.import_module, args=(MODULE,), name="figures", daemon=True)
    thread.start()
    return thread
