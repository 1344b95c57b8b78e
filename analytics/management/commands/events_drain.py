"""``manage.py events_drain``: stores what waits in the Redis buffer, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from adplatform.lib.garbage import loaded_is_kept


class Command(BaseCommand):
    help = "Store the events that wait in the Redis buffer (EVENTS_BUFFER_URL)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--alive-file", type=Path, help="touched at every turn, for a health check")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EVENTS_BUFFER_URL:
            raise CommandError("EVENTS_BUFFER_URL is not set: events go to the database directly.")
        from analytics.event_drain import drain  # brings redis

        loaded_is_kept()

        stopping: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, frame: stopping.append(received))
        drain(
            consumer=f"{socket.gethostname()}-{os.getpid()}",
            is_stopping=lambda: bool(stopping),
            alive_file=options["alive_file"],
        )
