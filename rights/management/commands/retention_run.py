"""``manage.py retention_run``: what the hourly task does, at once and to the end."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from rights.retention import retention_run


class Command(BaseCommand):
    help = "Delete what has been kept longer than the RETENTION_ settings say."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, number in retention_run(now=timezone.now(), seconds=float("inf")).items():
            self.stdout.write(f"{name}: {number}")
