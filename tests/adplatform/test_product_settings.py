"""What the settings make of the keys of pseudonyms and tombstones, and what they refuse."""

from __future__ import annotations

import runpy
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from adplatform import environment

NAMES = ("PROFILES_PSEUDONYM_KEY", "PROFILES_PSEUDONYM_KEYS", "RIGHTS_TOMBSTONE_KEY")


@pytest.fixture
def read(monkeypatch):
    """The product's settings as they are read with these variables, by default in production."""

    def run(*, production: bool = True, **given: str) -> dict[str, Any]:
        monkeypatch.setattr(environment, "PRODUCTION", production)
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(settings.BASE_DIR / "adplatform" / "product_settings.py"))

    return run


def test_an_empty_key_is_none(read):
    found = read(PROFILES_PSEUDONYM_KEY="", PROFILES_PSEUDONYM_KEYS="", RIGHTS_TOMBSTONE_KEY="")
    assert [found[name] for name in NAMES] == [environment.SECRET_KEY, {}, environment.SECRET_KEY]
    found = read(PROFILES_PSEUDONYM_KEY="old", RIGHTS_TOMBSTONE_KEY="")
    assert [found[name] for name in NAMES] == ["old", {}, "old"]


@pytest.mark.parametrize("keys", ["2:,1:old", "2:new,1", ":new", "2:new,2:old", "2: ,1:old"])
def test_versions_without_a_key_or_twice_are_refused_in_a_sentence_without_a_key(read, keys):
    with pytest.raises(ImproperlyConfigured, match="a key behind every version") as caught:
        read(PROFILES_PSEUDONYM_KEY="old", PROFILES_PSEUDONYM_KEYS=keys)
    assert ":old," not in str(caught.value)


def test_a_rotation_that_loses_the_tombstones_key_does_not_start_in_production(read):
    rotation = {"PROFILES_PSEUDONYM_KEYS": "2:ne:w, 1:old"}
    for lost in ({}, {"PROFILES_PSEUDONYM_KEY": ""}, {"RIGHTS_TOMBSTONE_KEY": ""}):
        with pytest.raises(ImproperlyConfigured, match="RIGHTS_TOMBSTONE_KEY"):
            read(**rotation, **lost)
    for kept in ("PROFILES_PSEUDONYM_KEY", "RIGHTS_TOMBSTONE_KEY"):
        found = read(**rotation, **{kept: "old"})
        assert found["PROFILES_PSEUDONYM_KEYS"] == {"2": "ne:w", "1": "old"}
        assert found["RIGHTS_TOMBSTONE_KEY"] == "old"
    assert read(production=False, **rotation)["RIGHTS_TOMBSTONE_KEY"] == environment.SECRET_KEY
