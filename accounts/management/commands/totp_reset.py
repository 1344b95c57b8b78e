"""For the operator: somebody lost their phone and their backup codes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.two_step import two_step_reset


class Command(BaseCommand):
    help = "Takes a person's second step of signing in away: their app and their backup codes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"Nobody here is called {username!r}.")
        if not two_step_reset(user=user):
            raise CommandError(f"{username} has no second step.")
        self.stdout.write(f"{username} signs in with the password alone and can enrol again.")
