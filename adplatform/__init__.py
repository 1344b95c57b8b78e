"""How the product is wired: settings, urls, Celery, health, and the small library under ``lib``."""

from adplatform.celery import app as celery_app

__all__ = ["celery_app"]
__version__ = "0.1.0"
