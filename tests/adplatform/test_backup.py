"""A folder that has the name of a backup holds a whole one."""

from __future__ import annotations

import errno
import os
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import LastRun
from adplatform.management.commands import backup

pytestmark = pytest.mark.django_db


@pytest.fixture
def copied(monkeypatch):
    """The database's copy is a file; pg_dump and SQLite's own are tried by make test-faults."""
    for name in ("sqlite_copy", "postgresql_dump"):
        monkeypatch.setattr(
            backup, name, lambda folder: (folder / "database").write_text("rows") and "database"
        )


def disk_full(target):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def earlier(folder, count):
    now = timezone.now()
    names = [(now - timedelta(days=days)).strftime("%Y%m%d-%H%M%S") for days in range(1, count + 1)]
    for name in names:
        (folder / name).mkdir()
    return names


def test_a_try_that_fails_leaves_nothing_and_costs_no_good_backup(tmp_path, copied, monkeypatch):
    good = earlier(tmp_path, 3)
    with monkeypatch.context() as patch:
        patch.setattr(backup, "media_copy", disk_full)
        with pytest.raises(OSError, match="No space left"):
            call_command("backup", tmp_path, keep=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(good)
    assert not LastRun.objects.exists()
    call_command("backup", tmp_path, keep=3)
    assert good[2] not in {path.name for path in tmp_path.iterdir()}, "the oldest alone has gone"
    assert len(list(tmp_path.iterdir())) == 3
    assert LastRun.objects.get().name == "backup"


def test_what_a_killed_run_left_is_deleted_after_a_day(tmp_path, copied):
    old, fresh = tmp_path / "20260101-000000.partial", tmp_path / "20260102-000000.partial"
    for path in (old, fresh, tmp_path / "mine.partial"):
        path.mkdir()
    os.utime(old, (0, 0))
    os.utime(tmp_path / "mine.partial", (0, 0))
    call_command("backup", tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left >= {fresh.name, "mine.partial"}
    assert old.name not in left
