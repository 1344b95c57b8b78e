"""A backup made while events arrive, restored into an empty place, holds every event up to one moment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest

from tests.drills.trees import ROOT
from tests.faults import servers

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

SHOP = """
from accounts.services import advertiser_create
from profiles.services import consent_record
shop = advertiser_create(name="B", slug="b")
consent_record(advertiser=shop, shopper_key="ann-key", personalisation=True, text_version="1", source="t")
"""
WRITE = """
import time
from accounts.models import Advertiser
from profiles.services import consent_record
shop = Advertiser.objects.get(slug="b")
for number in range(100000):
    key = f"s{number}"
    consent_record(advertiser=shop, shopper_key=key, personalisation=True, text_version="1", source="t")
"""
COUNT = "from profiles.models import Shopper; print('shoppers', Shopper.objects.count())"


def manage(environment, *words: str) -> str:
    run = subprocess.run(  # noqa: S603
        [sys.executable, "manage.py", *words], cwd=ROOT, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-500:] + run.stderr[-2000:]
    return run.stdout


def shoppers(environment) -> int:
    return int(manage(environment, "shell", "--no-imports", "-c", COUNT).split("shoppers")[1])


def backup_while_writing(environment, folder) -> tuple[int, int]:
    """How many shoppers there were just before and just after the backup was made."""
    manage(environment, "migrate", "-v", "0")
    manage(environment, "shell", "--no-imports", "-c", SHOP)
    writer = subprocess.Popen(  # noqa: S603
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", WRITE], cwd=ROOT,
        env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(60):
            if (before := shoppers(environment)) > 20:
                break
            time.sleep(0.5)
        print(manage(environment, "backup", str(folder)))
        after = shoppers(environment)
        assert after > before, "it was written to meanwhile"
        return before, after
    finally:
        writer.kill()
        writer.wait()


def base(folder) -> dict[str, str]:
    return {"DJANGO_SETTINGS_MODULE": "adplatform.settings", "VAR_DIR": str(folder), "SECRET_KEY": "s" * 50}


def test_sqlite(tmp_path):
    (tmp_path / "var").mkdir()
    here = base(tmp_path / "var") | {"DATABASE_URL": f"sqlite:///{tmp_path}/var/adplatform.sqlite3"}
    before, after = backup_while_writing(here, tmp_path / "backups")
    (made,) = (tmp_path / "backups").iterdir()
    assert made.stat().st_mode & 0o077 == 0
    restored = base(tmp_path / "new") | {"DATABASE_URL": f"sqlite:///{tmp_path}/new/adplatform.sqlite3"}
    (tmp_path / "new").mkdir()
    shutil.copy(made / "adplatform.sqlite3", tmp_path / "new")
    manage(restored, "migrate", "--check")
    assert before <= shoppers(restored) <= after


def test_postgresql(tmp_path):
    if shutil.which("pg_dump") is None:
        pytest.skip("needs pg_dump")
    with servers.postgres() as cluster:
        here = base(tmp_path / "var") | {"DATABASE_URL": cluster.url()}
        before, after = backup_while_writing(here, tmp_path / "backups")
        (made,) = (tmp_path / "backups").iterdir()
        place = ["-h", "127.0.0.1", "-p", str(cluster.port), "-U", "postgres"]
        subprocess.run(["createdb", *place, "restored"], check=True)  # noqa: S603, S607
        restore = ["pg_restore", *place, "--no-owner", "-d", "restored", str(made / "adplatform.dump")]
        subprocess.run(restore, check=True)  # noqa: S603
        restored = base(tmp_path / "new") | {"DATABASE_URL": cluster.url("restored")}
        manage(restored, "migrate", "--check")
        assert before <= shoppers(restored) <= after
