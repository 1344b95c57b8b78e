"""Every format a creative may have: light enough, labelled, signed, served and recognised again."""

from __future__ import annotations

import io

import numpy as np
import pytest
from django.test import Client
from PIL import Image

from adplatform.lib.files import content_read
from generation import provenance, review
from generation.c2pa_signing import ManifestState, manifest_read
from generation.composition import creatives_compose
from generation.composition.compose import canvas_compose
from generation.composition.sizes import SIZES
from generation.copy_edits import copy_edit
from generation.services import render_request
from generation.verification import Verdict, file_verify
from generation.watermark import watermark_read
from tests import factories
from tests.generation.composing import ALL_SIZES, brief_for, is_untouched, motif
from tests.generation.motif_renderer import job_through

FORMATS = {"webp": "image/webp", "jpg": "image/jpeg", "png": "image/png", "avif": "image/avif"}


@pytest.mark.parametrize("extension", ["avif", "jpg"])
def test_every_size_keeps_its_weight_its_label_and_its_signature(shop, extension):
    noise = np.random.default_rng(7).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((512, 512), Image.Resampling.NEAREST)
    sizes = tuple(size for size in ALL_SIZES if size[0] * size[1] < 800_000)
    for made in creatives_compose(brief=brief_for(shop, sizes=sizes), picture=picture, extension=extension):
        assert len(made.content) <= SIZES[made.width, made.height].kilobytes * 1000
        with Image.open(io.BytesIO(made.content)) as image:
            marking = provenance.marking_read(image)
            assert marking is not None
            assert tuple(marking.aigc) == provenance.AIGC_KEYS
            assert provenance.seal_holds(marking, provenance.pixels_sha256(image))
        assert manifest_read(made.content, extension).state == ManifestState.OURS
        assert made.inspection["label_height"] >= made.inspection["label_needed"]


def test_a_png_is_exact_where_it_fits_and_a_webp_where_it_does_not(shop):
    brief = brief_for(shop, sizes=ALL_SIZES)
    for made in creatives_compose(brief=brief, picture=motif(), extension="png"):
        size = (made.width, made.height)
        assert len(made.content) <= SIZES[size].kilobytes * 1000
        assert (made.extension, made.inspection.get("in_stead_of")) == (
            ("webp", "png") if made.width * made.height > 250_000 else ("png", None)
        )
        with Image.open(io.BytesIO(made.content)) as image:
            assert image.format == made.extension.upper()
            assert is_untouched(image)
            assert watermark_read(image) == made.inspection["watermark"]
            if made.extension == "png":
                exact = canvas_compose(brief=brief, picture=motif(), size=size).picture
                assert image.convert("RGB").tobytes() == exact.tobytes()
        assert manifest_read(made.content, made.extension).state == ManifestState.OURS


def test_an_edit_keeps_the_format_of_each_size(shop, settings, motif_model, alice):
    settings.GENERATION_FORMAT = "png"
    sizes = ((300, 250), (600, 500), (160, 600))
    brief = factories.make_brief(factories.make_product(shop), model=motif_model, sizes=sizes)
    job = job_through(render_request(advertiser=shop, brief=brief))

    def formats() -> set[tuple[int, str]]:
        return {(one.width, one.file.rpartition(".")[2]) for one in job.creatives.all()}

    before = formats()
    assert before == {(160, "png"), (300, "png"), (600, "webp")}
    copy_edit(advertiser=shop, job_id=job.pk, headline="New words", call_to_action="Look", editor=alice)
    assert formats() == before


@pytest.mark.parametrize("extension", FORMATS)
def test_from_the_setting_to_the_shopper_and_back(shop, settings, motif_model, alice, rita, extension):
    settings.GENERATION_FORMAT = extension
    brief = factories.make_brief(factories.make_product(shop), model=motif_model, sizes=((300, 250),))
    job = job_through(render_request(advertiser=shop, brief=brief))
    settings.GENERATION_FORMAT = "webp"  # what is made later changes nothing of it
    copy_edit(advertiser=shop, job_id=job.pk, headline="New words", call_to_action="Look", editor=alice)
    creative = job.creatives.get()
    assert creative.file.endswith(f".{extension}")
    content = content_read(creative.file)
    assert file_verify(advertiser_id=shop.pk, content=content).verdict == Verdict.UNTOUCHED
    assert watermark_read(Image.open(io.BytesIO(content))) == creative.inspection["watermark"]
    url = f"/m/{creative.pk}/{creative.sha256[:16]}.{extension}"
    assert Client().get(url).status_code == 404  # nobody has approved it
    review.creative_approve(advertiser=shop, creative_id=creative.pk, reviewer=rita)
    answer = Client().get(url)
    assert (answer.status_code, answer["Content-Type"]) == (200, FORMATS[extension])
    assert answer.content == content


def test_a_format_that_nobody_knows_stops_at_the_door(tmp_path):
    import subprocess
    import sys

    told = subprocess.run(
        [sys.executable, "-c", "import adplatform.settings"],
        env={"GENERATION_FORMAT": "gif", "PATH": "", "VAR_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert told.returncode != 0
    assert "webp, jpg, png or avif" in told.stderr


def test_a_motif_keeps_its_pixels_in_every_format_that_is_drawn_on(shop):
    brief = brief_for(shop, sizes=((300, 250),))  # one: another product may stand before another ground
    made = {
        extension: creatives_compose(brief=brief, picture=motif(), extension=extension)[0]
        for extension in ("png", "avif")
    }
    exact, lossy = (
        np.asarray(Image.open(io.BytesIO(one.content)).convert("RGB"), np.int16) for one in made.values()
    )
    assert np.abs(exact - lossy).mean() < 4
