"""``manage.py restore FOLDER``: what ``backup`` made, into an installation that is empty."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from adplatform.management.commands.backup import DUMP, SQLITE_COPY, postgresql_environment
from rights.tombstones import tombstone_file


class Command(BaseCommand):
    help = "Put back what backup made: database, media, keys; migrate; erase again who was erased since."
    requires_system_checks: list[str] = []  # they may want tables

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="one that backup made: /backups/20261125-180000")

    def handle(self, *args: Any, **options: Any) -> None:
        source: Path = options["folder"]
        name = SQLITE_COPY if connection.vendor == "sqlite" else DUMP
        if not (source / name).is_file():
            raise CommandError(f"There is no {name} in {source}.")
        if connection.introspection.table_names():
            raise CommandError("The database is not empty: name a new one in DATABASE_URL, or empty it.")
        connection.close()
        # Keys first: should this end half-way, the database is still empty or refuses a second try.
        files_restore(source)
        (sqlite_restore if connection.vendor == "sqlite" else postgresql_restore)(source / name)
        for command in ("migrate", "replay_erasures"):  # in new processes: the secret key may be another now
            done = subprocess.run(  # noqa: S603
                [sys.executable, "manage.py", command], cwd=settings.BASE_DIR, check=False
            )
            if done.returncode:
                raise CommandError(f"{command} failed, see above. Run it again before the web starts.")
        self.stdout.write(f"{source} is restored. Start web and workers.")


def files_restore(source: Path) -> None:
    """Media, and what the installation made for itself. A log of erasures that is there is newer: kept."""
    if (source / "media").is_dir() and not settings.S3_BUCKET:
        shutil.copytree(source / "media", settings.MEDIA_ROOT, dirs_exist_ok=True)
    if (source / "c2pa").is_dir():
        shutil.copytree(source / "c2pa", settings.VAR_DIR / "c2pa", dirs_exist_ok=True)
    if (source / "secret_key").is_file():  # the one that is there was made by this very command's start
        shutil.copy2(source / "secret_key", settings.VAR_DIR / "secret_key")
    log = tombstone_file()
    if (source / log.name).is_file() and not log.exists():
        log.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / log.name, log)


def sqlite_restore(copy: Path) -> None:
    """Page by page into the empty file."""
    source, target = sqlite3.connect(copy), sqlite3.connect(connection.settings_dict["NAME"])
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()


def postgresql_restore(dump: Path) -> None:
    """``pg_restore`` of the whole dump or of nothing."""
    command = ["pg_restore", "--no-owner", "--single-transaction", "--exit-on-error"]
    command += ["--dbname", connection.settings_dict["NAME"], str(dump)]
    try:
        subprocess.run(command, env=postgresql_environment(), check=True)  # noqa: S603
    except FileNotFoundError:
        raise CommandError("pg_restore is not installed (Debian: postgresql-client).") from None
    except subprocess.CalledProcessError as error:
        raise CommandError(f"pg_restore ended with {error.returncode}; its message is above.") from None
