"""``manage.py sensitive_scan``: what the nightly task does, at once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from rights.scan import sensitive_scan


class Command(BaseCommand):
    help = "Look through all stored words for sensitive ones; end what addresses groups by them."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{sensitive_scan(now=timezone.now())} finding(s).")
