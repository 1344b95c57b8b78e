"""A disk that is really full: media on a small tmpfs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from django.utils import timezone

from adplatform.lib.files import sha256_hex
from generation import renderers, services
from generation.models import Creative, RenderJob
from tests import factories
from tests.generation.motif_renderer import MotifRenderer

pytestmark = [pytest.mark.faults, pytest.mark.django_db]
Status = RenderJob.Status


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True)  # noqa: S603, S607
    if mounted.returncode:
        pytest.skip(f"may not mount a tmpfs here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)  # noqa: S603, S607


def test_renders_wait_for_a_full_disk_lose_nothing_and_finish_when_it_is_freed(
    shop, small_disk, settings, monkeypatch, api
):
    settings.MEDIA_ROOT = small_disk
    settings.GENERATION_MODELS = {"tiny": "/nowhere/tiny"}
    monkeypatch.setattr(renderers, "_loaded", {("tiny", "/nowhere/tiny"): MotifRenderer()})
    product = factories.make_product(shop)
    jobs = [
        services.render_request(
            advertiser=shop,
            brief=factories.make_brief(product, model="tiny", sizes=((300, 250),), season=season),
        )
        for season in ("autumn", "winter", "spring")
    ]
    ballast = Path(small_disk) / "ballast"
    with ballast.open("wb") as file:
        left = os.statvfs(small_disk)
        file.write(b"x" * (left.f_bavail * left.f_frsize - 8192))

    for _ in jobs:
        services.render_execute("a")
    for job in jobs:
        job.refresh_from_db()
        assert (job.status, job.error_code, job.attempts) == (Status.QUEUED, "storage_full", 0)
    assert not Creative.objects.exists()
    assert not list(small_disk.rglob("*.tmp")), "no half file is left"
    order = {"event_id": "e", "order_id": "o", "value_cents": 1, "currency": "EUR"}
    assert api.post("/api/v1/conversions", order).status_code == 201, "events are on another disk"

    ballast.unlink()
    RenderJob.objects.update(available_at=timezone.now())  # a minute passes
    for _ in jobs:
        services.render_execute("a")
    for job in jobs:
        job.refresh_from_db()
        assert (job.status, job.creatives.count()) == (Status.SUCCEEDED, 1)
    for name, digest in Creative.objects.values_list("file", "sha256"):
        assert sha256_hex((small_disk / name).read_bytes()) == digest
