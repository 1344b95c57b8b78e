"""Failpoints: what they do in a drill, and that nothing arms them elsewhere."""

import errno
import os
import subprocess
import sys

import pytest

from adplatform.lib import failpoints, files

ENTRY = """
import django
django.setup()
from adplatform.lib.failpoints import failpoint
failpoint("x")
print("alive")
"""


def run(settings: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": settings,
        "FAILPOINTS": "x=kill",
        "TESTING": "true",
    }
    command = [sys.executable, "-c", ENTRY]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603


def test_only_the_tests_settings_arm_them():
    assert run("adplatform.settings").stdout == "alive\n"
    assert run("tests.settings").returncode == -9


def test_a_point_may_have_several_actions_each_with_its_chance():
    points = failpoints.failpoints_parse("a=kill:0.25,a=stop,b=full:0")
    assert [(action.__name__, chance) for action, chance in points["a"]] == [("_kill", 0.25), ("_stop", 1.0)]
    assert points["b"][0][1] == 0
    with pytest.raises(KeyError):
        failpoints.failpoints_parse("a=explode")


def test_a_disk_that_fills_up_keeps_no_half_file(settings, monkeypatch):
    monkeypatch.setattr(failpoints, "_armed", lambda: failpoints.failpoints_parse("file_written=full"))
    with pytest.raises(OSError, match="No space left") as refusal:
        files.content_store(b"x" * 1000, folder="renders", extension="png")
    assert refusal.value.errno == errno.ENOSPC
    assert not [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]
