"""A backup made while events arrive, restored into an empty place, holds every event up to one moment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.drills.trees import ROOT
from tests.faults import servers

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

SHOP = """
from accounts.services import advertiser_create
from profiles.services import consent_record
shop = advertiser_create(name="B", slug="b")
consent_record(advertiser=shop, shopper_key="ann-key", personalisation=True, text_version="1", source="t")
from generation.c2pa_credential import credential_get
credential_get()
from rights.erasure import shopper_erase
from django.utils import timezone
shopper_erase(advertiser=shop, shopper_key="bob", origin="command", now=timezone.now())
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


def run(environment, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [sys.executable, "manage.py", *words], cwd=ROOT, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=240, check=False, **more,
    )  # fmt: skip


def manage(environment, *words: str, **more: str) -> str:
    done = run(environment, *words, **more)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2000:]
    return done.stdout


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
    return {
        "DJANGO_SETTINGS_MODULE": "adplatform.settings", "VAR_DIR": str(folder), "SECRET_KEY": "s" * 50,
        "RIGHTS_TOMBSTONE_LOG": str(folder.parent / "kept" / "log-of-erasures"),
    }  # fmt: skip


def restored_without_the_erased(here, there, folder, before, after) -> None:
    """Erase one after the backup; the restored installation has everybody of the backup but them."""
    (made,) = folder.iterdir()
    assert made.stat().st_mode & 0o077 == 0
    assert (made / "c2pa" / "key.pem").is_file()
    log = made / "log-of-erasures"
    assert log.is_file(), "wherever the setting puts it"
    manage(here, "shopper_rights", "erase", "--advertiser", "b", input="ann-key\n")
    said = manage(there, "restore", str(made))
    assert "1 shopper(s) erased again" in said
    assert log.read_bytes() != Path(there["RIGHTS_TOMBSTONE_LOG"]).read_bytes(), "the newer one stays"
    manage(there, "migrate", "--check")
    assert before - 1 <= shoppers(there) <= after - 1
    assert (Path(there["VAR_DIR"]) / "c2pa" / "key.pem").is_file()
    refused = run(there, "restore", str(made))
    assert refused.returncode != 0
    assert "not empty" in refused.stderr


def test_sqlite(tmp_path):
    (tmp_path / "var").mkdir()
    here = base(tmp_path / "var") | {"DATABASE_URL": f"sqlite:///{tmp_path}/var/adplatform.sqlite3"}
    before, after = backup_while_writing(here, tmp_path / "backups")
    there = base(tmp_path / "new") | {"DATABASE_URL": f"sqlite:///{tmp_path}/new/adplatform.sqlite3"}
    restored_without_the_erased(here, there, tmp_path / "backups", before, after)


def test_postgresql(tmp_path):
    if shutil.which("pg_dump") is None:
        pytest.skip("needs pg_dump")
    with servers.postgres() as cluster:
        here = base(tmp_path / "var") | {"DATABASE_URL": cluster.url()}
        before, after = backup_while_writing(here, tmp_path / "backups")
        place = ["-h", "127.0.0.1", "-p", str(cluster.port), "-U", "postgres"]
        subprocess.run(["createdb", *place, "restored"], check=True)  # noqa: S603, S607
        there = base(tmp_path / "new") | {"DATABASE_URL": cluster.url("restored")}
        restored_without_the_erased(here, there, tmp_path / "backups", before, after)
