"""``manage.py c2pa_credential FOLDER``: what signs creatives, for machines that share no disk."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generation.c2pa_credential import AUTHORITY_FILE, CHAIN_FILE, KEY_FILE, credential_make


class Command(BaseCommand):
    help = "Make an authority and a certificate in FOLDER, for C2PA_CERTIFICATES and C2PA_PRIVATE_KEY."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        if folder.exists():
            raise CommandError(f"{folder} is there already.")
        credential_make(folder)
        self.stdout.write(
            f"C2PA_CERTIFICATES={folder / CHAIN_FILE}\nC2PA_PRIVATE_KEY={folder / KEY_FILE}\n"
            f"Who should trust the signatures needs {folder / AUTHORITY_FILE}."
        )
