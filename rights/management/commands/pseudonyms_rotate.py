"""``manage.py pseudonyms_rotate``: give every shopper a pseudonym under the newest key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rights.rotation import pseudonyms_rotate


class Command(BaseCommand):
    help = "Move every shopper to the first key of PROFILES_PSEUDONYM_KEYS; the older ones may go afterwards."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rotated = pseudonyms_rotate()
        except ValueError:
            raise CommandError("A shopper's key was sealed under a version that the settings lack.") from None
        self.stdout.write(f"{rotated.moved} shopper(s) moved.")
        if rotated.without_key:
            self.stdout.write(
                f"{rotated.without_key} came before their keys were kept: they move with their next consent."
            )
