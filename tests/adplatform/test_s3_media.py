"""Media in a bucket: the real storage class and boto3 against a bucket in this process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from datetime import UTC, datetime
from uuid import uuid4

import boto3
import pytest
from django.core.files.storage import default_storage, storages
from django.core.management import CommandError, call_command
from moto import mock_aws
from PIL import Image

from adplatform.checks import machines_share_check
from adplatform.lib.files import content_read, content_store, sha256_hex
from adplatform.lib.media import media_url
from generation import media_sweep, services
from rights.tombstones import Tombstone, tombstone_file, tombstone_list, tombstone_write
from tests.generation.conftest import brief, install  # noqa: F401  fixtures
from tests.generation.motif_renderer import MotifRenderer


@pytest.fixture
def bucket(settings, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="media")
        settings.STORAGES = {
            **settings.STORAGES,
            "default": {
                "BACKEND": "storages.backends.s3.S3Storage",
                "OPTIONS": {"bucket_name": "media", "default_acl": None, "file_overwrite": True},
            },
        }
        yield boto3.resource("s3", region_name="us-east-1").Bucket("media")
    storages._storages.clear()


def test_bytes_are_stored_under_their_hash_and_storing_them_again_is_harmless(bucket):
    name, digest = content_store(b"picture", folder="creatives", extension="png")
    assert content_store(b"picture", folder="creatives", extension="png") == (name, digest)
    assert [found.key for found in bucket.objects.all()] == [name]
    assert content_read(name) == b"picture"
    with pytest.raises(FileNotFoundError):
        content_read("creatives/00/nothing.png")


def test_a_link_is_still_a_capability(bucket, client):
    name, _ = content_store(b"picture", folder="creatives", extension="png")
    link = media_url(name)
    assert link.startswith("/media/"), "never the bucket's own address"
    response = client.get(link)
    assert (b"".join(response), response["Content-Type"]) == (b"picture", "image/png")
    assert client.get(link[:-1] + "x").status_code == 404
    assert client.get(link.split("?")[0]).status_code == 404
    assert client.get(media_url("creatives/00/nothing.png")).status_code == 404


@pytest.mark.django_db
def test_a_render_job_leaves_whole_pictures_in_the_bucket(bucket, shop, brief, install):  # noqa: F811
    install(MotifRenderer())
    job = services.render_request(advertiser=shop, brief=brief)
    services.render_execute("a")
    job.refresh_from_db()
    assert job.status == "succeeded", (job.error_code, job.error_message)
    for creative in job.creatives.all():
        content = content_read(creative.file)
        assert sha256_hex(content) == creative.sha256
        Image.open(io.BytesIO(content)).load()
    assert media_sweep.media_sweep(now=1e12) == {}, "the sweep of a disk leaves a bucket alone"
    assert default_storage.exists(job.picture)


def test_erasures_are_logged_in_the_bucket_that_outlives_every_machine(bucket, settings, tmp_path):
    settings.S3_BUCKET, settings.RIGHTS_TOMBSTONE_LOG, settings.VAR_DIR = "media", "", tmp_path
    now, advertiser = datetime.now(UTC), uuid4()
    stones = [Tombstone(now, advertiser, (f"{number:064x}",)) for number in range(3)]
    settings.RIGHTS_TOMBSTONE_LOG = str(tombstone_file())
    tombstone_write(stones[0])  # from before there was a bucket
    settings.RIGHTS_TOMBSTONE_LOG = ""
    for stone in stones[1:]:
        tombstone_write(stone)
    assert len(list(bucket.objects.filter(Prefix="erasures/"))) == 2
    assert sorted(tombstone_list(), key=lambda stone: stone.subjects) == stones
    (tmp_path / "erasures.log").unlink()  # a new machine
    assert sorted(tombstone_list(), key=lambda stone: stone.subjects) == stones[1:]


def test_a_bucket_without_a_certificate_for_all_machines_is_refused(settings, tmp_path):
    settings.S3_BUCKET, settings.C2PA_CERTIFICATES = "media", ""
    assert [error.id for error in machines_share_check()] == ["adplatform.E001"]
    call_command("c2pa_credential", str(tmp_path / "c2pa"))
    settings.C2PA_CERTIFICATES = str(tmp_path / "c2pa" / "chain.pem")
    assert [error.id for error in machines_share_check()] == ["adplatform.E002"], "its key is missing"
    settings.C2PA_PRIVATE_KEY = str(tmp_path / "c2pa" / "key.pem")
    assert machines_share_check() == []
    with pytest.raises(CommandError, match="there already"):
        call_command("c2pa_credential", str(tmp_path / "c2pa"))


def test_one_setting_turns_it_on(tmp_path):
    code = "from django.conf import settings as s; print(s.STORAGES['default'], repr(s.RIGHTS_TOMBSTONE_LOG))"
    environment = {**os.environ, "VAR_DIR": str(tmp_path), "S3_BUCKET": "media", "S3_REGION": "eu-central-1"}
    environment["DJANGO_SETTINGS_MODULE"] = "adplatform.settings"
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert "S3Storage" in run.stdout
    assert "'region_name': 'eu-central-1', 'default_acl': None" in run.stdout
    assert run.stdout.split()[-1] == "''", "the log of erasures is in the bucket, too"
