"""The brand kit: validated, re-encoded, one per advertiser."""

import io

import pytest
from PIL import Image

from adplatform.lib.errors import DomainError
from adplatform.lib.files import content_read
from generation.brand import brand_kit_get, brand_kit_set
from tests.factories import png_bytes


def test_a_kit_is_made_at_the_first_change_and_kept(shop):
    assert brand_kit_get(advertiser=shop).name == shop.name
    brand_kit_set(advertiser=shop, fields={"name": "松光", "accent_colour": "#E4572E"})
    kit = brand_kit_set(advertiser=shop, fields={"tone": "calm"})
    assert (kit.name, kit.accent_colour, kit.tone) == ("松光", "#e4572e", "calm")


@pytest.mark.parametrize(
    ("field", "value"),
    [("accent_colour", "red"), ("accent_colour", "#12345"), ("name", " "), ("call_to_action_zh", "买" * 13)],
)
def test_a_bad_field_is_named_and_nothing_is_saved(shop, field, value):
    with pytest.raises(DomainError) as refusal:
        brand_kit_set(advertiser=shop, fields={field: value})
    assert list(refusal.value.errors) == [field]
    assert brand_kit_get(advertiser=shop)._state.adding


def test_a_logo_is_reencoded_and_trimmed(shop):
    image = Image.new("RGBA", (100, 80))
    image.paste((10, 20, 30, 255), (20, 20, 60, 50))
    kit = brand_kit_set(advertiser=shop, fields={}, logo=png_bytes(image) + b"<script>")
    stored = content_read(kit.logo)
    assert b"<script>" not in stored
    assert Image.open(io.BytesIO(stored)).size == (40, 30)


@pytest.mark.parametrize(
    "content", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\nbroken"]
)
def test_a_broken_logo_is_refused(shop, content):
    with pytest.raises(DomainError) as refusal:
        brand_kit_set(advertiser=shop, fields={}, logo=content)
    assert "logo" in refusal.value.errors


def test_the_page_saves_and_shows_errors(alice_client, rita_client, shop):
    page = alice_client.post("/brand/", {"name": "Pine", "accent_colour": "nope"})
    assert page.status_code == 200
    assert "Give the colour as #rrggbb" in page.content.decode()
    assert rita_client.get("/brand/").status_code == 403


def test_a_kit_names_only_loras_that_are_there(shop, settings, tmp_path):
    (tmp_path / "house-style").mkdir()
    (tmp_path / "house-style" / "weights.safetensors").write_bytes(b"")
    settings.GENERATION_LORA_DIR = str(tmp_path)
    assert brand_kit_set(advertiser=shop, fields={"lora": "house-style"}).lora == "house-style"
    with pytest.raises(DomainError) as refusal:
        brand_kit_set(advertiser=shop, fields={"lora": "../secrets"})
    assert set(refusal.value.errors) == {"lora"}
    assert brand_kit_set(advertiser=shop, fields={"lora": ""}).lora == ""
