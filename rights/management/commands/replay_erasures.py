"""``manage.py replay_erasures``: after a restore, erase again whom the backup still knew."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from rights.replay import erasures_replay


class Command(BaseCommand):
    help = (
        "Erase again everybody whom the log of erasures names. Run it after a restore, before the web starts."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{erasures_replay(now=timezone.now())} shopper(s) erased again.")
