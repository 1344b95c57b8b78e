"""``manage.py pseudonyms_rotate``: give every shopper a pseudonym under the newest key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rights.rotation import pseudonyms_rotate, running_get


class Command(BaseCommand):
    help = "Move every shopper to the first key of PROFILES_PSEUDONYM_KEYS; the older ones may go afterwards."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--redraw", action="store_true", help="rotate although it draws running experiments anew"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        running = running_get()
        if running and not options["redraw"]:
            raise CommandError(
                f"Running: {running.experiments} experiment(s), {running.splits} standing split(s), "
                f"{running.learning} learning campaign(s). A rotation draws every shopper anew: who is then "
                "seen in two arms is left out of the reports. End them first, or rotate with --redraw, which "
                "a leaked key is worth."
            )
        try:
            rotated = pseudonyms_rotate()
        except ValueError:
            raise CommandError("A shopper's key was sealed under a version that the settings lack.") from None
        self.stdout.write(f"{rotated.moved} shopper(s) moved.")
        if rotated.without_key:
            self.stdout.write(
                f"{rotated.without_key} came before their keys were kept: they move with their next consent."
            )
