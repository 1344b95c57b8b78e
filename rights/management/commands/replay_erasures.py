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
        replayed = erasures_replay(now=timezone.now())
        self.stdout.write(f"{replayed.erased} shopper(s) erased again.")
        if replayed.without_key:
            self.stderr.write(
                f"{replayed.without_key} shopper(s) were tried under one name only: no version of the "
                "pseudonyms' key opens theirs. After a rotation, put the older versions back into "
                "PROFILES_PSEUDONYM_KEYS (2:NEW,1:OLD) and run this again."
            )
