"""manage.py creative_make: every size of a product for an interest in words."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from generation.composition.sizes import STANDARD_SIZES
from tests import factories
from tests.generation.composing import is_untouched


def make(*arguments: str) -> str:
    out = io.StringIO()
    call_command("creative_make", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_all_sizes_are_written_labelled_and_the_prompt_is_shown(shop, tiny_model, tmp_path):
    product = factories.make_product(shop, "SKU/7 ü")
    said = make(
        "--product", product.external_id, "--interest", "hiking and coffee", "--out", str(tmp_path / "new")
    )
    assert "Hiking" in said
    assert "prompt" in said
    files = sorted((tmp_path / "new").iterdir())
    assert len(files) == len(STANDARD_SIZES)
    for file in files:
        with Image.open(file) as image:
            assert image.size in STANDARD_SIZES
            assert file.name == f"SKU_7_ü-{image.width}x{image.height}.webp"
            assert is_untouched(image)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--product", "NOPE"], "There is no product 'NOPE'"),
        (["--product", "P", "--advertiser", "nobody"], "There is no advertiser 'nobody'"),
        (["--product", "P"], "Several advertisers"),
        (["--product", "P", "--advertiser", "shop", "--interest", "qqqq zzzz"], "No interest is known"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(shop, other_shop, tiny_model, tmp_path, arguments, sentence):
    for advertiser in (shop, other_shop):
        factories.make_product(advertiser, "P")
    with pytest.raises(CommandError, match=sentence):
        make(*arguments, "--out", str(tmp_path))
    assert not list(tmp_path.glob("*.webp"))
