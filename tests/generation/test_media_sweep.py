"""What the sweep of files deletes, what it never touches, and rendering onto a disk that is full."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from adplatform.lib.files import content_read, content_store
from generation import media_sweep, services
from generation.models import RenderJob
from tests import factories
from tests.generation.motif_renderer import MotifRenderer

pytestmark = pytest.mark.django_db
DAYS = 24 * 3600


def age(path: Path) -> None:
    os.utime(path, (1, 1))


def test_old_halves_are_deleted_and_fresh_ones_kept(settings):
    root = Path(settings.MEDIA_ROOT)
    (root / "renders").mkdir(parents=True)
    old, fresh, picture = (root / "renders" / name for name in (".a.tmp", ".b.tmp", "c.png"))
    for path in (old, fresh, picture):
        path.write_bytes(b"x")
    for path in (old, picture):
        age(path)
    assert media_sweep.media_sweep(now=time.time())["temporary"] == 1
    assert (old.exists(), fresh.exists(), picture.exists()) == (False, True, True)


def test_only_old_files_of_the_queue_that_no_row_names_are_deleted(shop, brief, install, settings):
    install(MotifRenderer())
    job = services.render_request(advertiser=shop, brief=brief)
    services.render_execute("a")
    job.refresh_from_db()
    root = Path(settings.MEDIA_ROOT)
    orphan, _ = content_store(b"nobody's", folder="creatives", extension="webp")
    young, _ = content_store(b"about to be committed", folder="renders", extension="png")
    for path in root.rglob("*.*"):
        if path != root / young:
            age(path)
    assert media_sweep.media_sweep(now=time.time()) == {"temporary": 0, "orphans": 1}
    assert not (root / orphan).exists()
    assert (root / young).exists()
    for name in (job.picture, brief.product.cutout, *job.creatives.values_list("file", flat=True)):
        assert content_read(name)
    assert media_sweep.media_sweep(now=time.time()) == {"temporary": 0, "orphans": 0}


def test_a_file_that_a_render_writes_again_meanwhile_stays(settings, monkeypatch):
    name, _ = content_store(b"drawn twice", folder="renders", extension="png")
    path = Path(settings.MEDIA_ROOT) / name
    age(path)
    rename = os.rename

    def rename_behind_a_render(source, target):
        monkeypatch.setattr(os, "rename", rename)
        content_store(b"drawn twice", folder="renders", extension="png")
        rename(source, target)

    monkeypatch.setattr(os, "rename", rename_behind_a_render)
    assert media_sweep.media_sweep(now=time.time())["orphans"] == 0
    assert path.read_bytes() == b"drawn twice"


@pytest.fixture
def small_disk(settings, tmp_path):
    """A file system of 256 kB for the media; only root can make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:  # noqa: S603
        pytest.skip("no right to mount a tmpfs here")
    settings.MEDIA_ROOT = folder
    yield folder
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607


def test_a_full_disk_delays_jobs_and_costs_them_nothing(shop, small_disk, install):
    install(MotifRenderer())
    job = factories.make_render_job(shop, model="tiny")
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(b"x" * 1_000_000)
    for _ in range(5):
        RenderJob.objects.update(available_at="2020-01-01T00:00:00Z")
        assert services.render_execute("a")
    job.refresh_from_db()
    assert (job.status, job.error_code, job.attempts) == ("queued", "storage_full", 0)
    assert job.available_at > job.tries.latest("epoch").ended_at, "a minute's rest"
    assert not list(small_disk.rglob("*.tmp"))
    ballast.unlink()
    RenderJob.objects.update(available_at="2020-01-01T00:00:00Z")
    assert services.render_execute("a")
    job.refresh_from_db()
    assert (job.status, job.creatives.count()) == ("succeeded", 2)
