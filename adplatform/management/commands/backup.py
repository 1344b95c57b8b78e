"""``manage.py backup FOLDER``: everything that cannot be made again, while the product runs."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from accounts.models import LastRun
from rights.tombstones import tombstone_file

SQLITE_COPY, DUMP = "adplatform.sqlite3", "adplatform.dump"
_NAME = re.compile(r"\d{8}-\d{6}")  # of a backup's folder: when it was begun, UTC
_PARTIAL = ".partial"


class Command(BaseCommand):
    help = "Copy the database, then the media and the installation's own keys, into a new folder of FOLDER."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--keep", type=int, help="delete all but this many of the newest backups in FOLDER"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["keep"] is not None and options["keep"] < 1:
            raise CommandError("--keep wants at least 1, the backup that is being made.")
        target = options["folder"] / timezone.now().strftime("%Y%m%d-%H%M%S")
        if target.exists():
            raise CommandError(f"{target} is there already.")
        partial_drop(options["folder"])
        # Its name comes last: a folder that has the name of a backup is whole.
        partial = target.with_name(target.name + _PARTIAL)
        try:
            partial.mkdir(parents=True, mode=0o700)  # it holds keys and shoppers' data
        except FileExistsError:
            raise CommandError(f"{target} is being made by somebody else.") from None
        try:
            database = sqlite_copy(partial) if connection.vendor == "sqlite" else postgresql_dump(partial)
            files = media_copy(partial / "media")
            for path in (tombstone_file(), settings.VAR_DIR / "secret_key"):
                if path.exists():
                    shutil.copy2(path, partial / path.name)
            if (settings.VAR_DIR / "c2pa").exists():  # without it creatives of before are nobody's
                shutil.copytree(settings.VAR_DIR / "c2pa", partial / "c2pa")
            partial.rename(target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)  # on a full disk it would keep the next from fitting
            raise
        LastRun.objects.update_or_create(name="backup", defaults={"ran_at": timezone.now()})
        self.stdout.write(f"{database} and {files} files of media are in {target}")
        if options["keep"] is not None:
            for old in backups_drop(options["folder"], keep=options["keep"]):
                self.stdout.write(f"{old} deleted")


def partial_drop(folder: Path) -> None:
    """Delete what a killed run left behind; none takes a day."""
    for path in folder.glob(f"*{_PARTIAL}"):
        if _NAME.fullmatch(path.stem) and time.time() - path.stat().st_mtime > 24 * 3600:
            shutil.rmtree(path, ignore_errors=True)


def backups_drop(folder: Path, *, keep: int) -> list[Path]:
    """Delete all but the newest backups of a folder, by their names; which. Other files there stay."""
    found = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_dir())
    for path in found[:-keep]:
        shutil.rmtree(path)
    return found[:-keep]


def sqlite_copy(target: Path) -> str:
    """One consistent state, page by page; writers go on meanwhile."""
    name = target / SQLITE_COPY
    source = sqlite3.connect(f"file:{connection.settings_dict['NAME']}?mode=ro", uri=True)
    copy = sqlite3.connect(name)
    try:
        source.backup(copy)
        if (found := copy.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            raise CommandError(f"The copy is damaged: {found}")
    finally:
        source.close()
        copy.close()
    return name.name


def postgresql_dump(target: Path) -> str:
    """``pg_dump`` of one snapshot; its password goes by the environment, which no list of processes shows."""
    name = target / DUMP
    command = ["pg_dump", "--format", "custom", "--no-owner", "--file", str(name)]
    try:
        subprocess.run(  # noqa: S603
            [*command, connection.settings_dict["NAME"]], env=postgresql_environment(), check=True
        )
    except FileNotFoundError:
        raise CommandError("pg_dump is not installed (Debian: postgresql-client).") from None
    except subprocess.CalledProcessError as error:
        raise CommandError(f"pg_dump ended with {error.returncode}; its message is above.") from None
    return name.name


def postgresql_environment() -> dict[str, str]:
    """How PostgreSQL's own programs find and enter the database."""
    kept = connection.settings_dict
    places = {"PGHOST": kept["HOST"], "PGPORT": str(kept["PORT"] or ""), "PGUSER": kept["USER"],
              "PGPASSWORD": kept["PASSWORD"]}  # fmt: skip
    return {**os.environ, **{k: v for k, v in places.items() if v}}


def media_copy(target: Path) -> int:
    """Files are named by their content and never change, so a copy made beside the product is whole.

    Media in a bucket is the bucket's to keep (versioning, replication).
    """
    if settings.S3_BUCKET:
        return 0
    target.mkdir()
    count = 0
    for path in Path(settings.MEDIA_ROOT).rglob("*"):
        if path.is_file() and not path.name.endswith(".tmp"):
            place = target / path.relative_to(settings.MEDIA_ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copy2(path, place)
            except FileNotFoundError:  # swept meanwhile: no row names it
                continue
            count += 1
    return count
