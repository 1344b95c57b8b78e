"""The brand kit: validated, re-encoded, one per advertiser."""

import io
import struct
import zlib

import pytest
from PIL import Image

from adplatform.lib.errors import DomainError
from adplatform.lib.files import content_read, content_store
from generation.brand import brand_kit_get, brand_kit_set, brief_brand
from tests import factories
from tests.factories import png_bytes
from tests.generation.composing import motif


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
    kit = brand_kit_set(advertiser=shop, fields={}, logos={"logo": png_bytes(image) + b"<script>"})
    stored = content_read(kit.logo)
    assert b"<script>" not in stored
    assert Image.open(io.BytesIO(stored)).size == (40, 30)


@pytest.mark.parametrize(
    "content", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\nbroken"]
)
def test_a_broken_logo_is_refused(shop, content):
    with pytest.raises(DomainError) as refusal:
        brand_kit_set(advertiser=shop, fields={}, logos={"logo": content})
    assert "logo" in refusal.value.errors


def logo_bytes(format: str, mode: str = "RGB", size=(80, 40), **options) -> bytes:
    buffer = io.BytesIO()
    image = Image.new(mode, size, 40000 if mode == "I;16" else 0)
    if mode != "I;16":
        image.paste({"CMYK": (0, 200, 200, 0)}.get(mode, (200, 30, 30)), (0, 0, size[0] // 4, size[1]))
    image.save(buffer, format, **options)
    return buffer.getvalue()


def huge_png(side: int) -> bytes:
    """A few bytes that claim to be a very large picture."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + header + struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\x08IDAT"


def turned() -> dict:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "CAMERA-SECRET"
    return {"exif": exif.tobytes()}


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (logo_bytes("JPEG", "CMYK"), (80, 40)),
        (logo_bytes("PNG", "I;16"), (80, 40)),
        (logo_bytes("JPEG", **turned()), (40, 80)),
        (logo_bytes("WEBP", save_all=True, append_images=[Image.new("RGB", (80, 40), "blue")]), (80, 40)),
    ],
)
def test_cmyk_16_bit_turned_and_animated_logos_become_plain_png(shop, content, size):
    stored = content_read(brand_kit_set(advertiser=shop, fields={}, logos={"logo_dark": content}).logo_dark)
    assert b"CAMERA-SECRET" not in stored
    with Image.open(io.BytesIO(stored)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGBA", size)
        assert not image.getexif()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "picture"),
        (logo_bytes("PNG")[:60], "picture"),
        (huge_png(12000), "million"),
        (png_bytes(Image.new("RGBA", (50, 50))), "nothing to be seen"),
        (logo_bytes("PNG", size=(3, 3)), "3 x 3"),
    ],
)
def test_a_logo_that_will_not_do_says_why_and_nothing_is_kept(shop, content, word):
    with pytest.raises(DomainError) as refusal:
        brand_kit_set(advertiser=shop, fields={"tone": "loud"}, logos={"logo": content})
    assert word in refusal.value.errors["logo"]
    assert brand_kit_get(advertiser=shop)._state.adding


def test_rules_are_kept_as_lists_and_reach_the_brief(shop):
    kit = brand_kit_set(
        advertiser=shop,
        fields={
            "forbidden_words": "cheap， 最低价\ncheap",
            "forbidden_colours": "#E4002B, #00843d",
            "legal_line_intl": "  Enjoy  responsibly. ",
            "clear_space": "0.8",
            "headline_font": "serif",
        },
    )
    brand = brief_brand(kit, language="en", market="intl")
    assert brand.forbidden_words == ("cheap", "最低价")
    assert brand.forbidden_colours == ("#e4002b", "#00843d")
    assert brand.legal_line == "Enjoy responsibly."
    assert brief_brand(kit, language="zh", market="cn").legal_line == ""
    assert (brand.clear_space, brand.headline_font) == (0.8, "serif")


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("forbidden_colours", "red", "#rrggbb"),
        ("forbidden_words", "x" * 41, "At most"),
        ("clear_space", "nan", "number"),
        ("clear_space", "9", "number"),
        ("headline_font", "comic", "no font"),
        ("legal_line_cn", "法" * 121, "At most"),
        ("legal_line_intl", "Drink \N{WINE GLASS} wisely", "WINE GLASS"),
        ("call_to_action_en", "Buy \N{ROCKET}", "ROCKET"),
    ],
)
def test_a_rule_that_will_not_do_is_named(shop, field, value, word):
    with pytest.raises(DomainError) as refusal:
        brand_kit_set(advertiser=shop, fields={field: value})
    assert word in refusal.value.errors[field]


def test_the_preview_shows_what_is_typed_before_it_is_saved(alice_client, shop):
    fragment = alice_client.get("/brand/preview", {"primary_colour": "#112233"}).content.decode()
    assert "primary_colour=%23112233" in fragment
    assert "#rrggbb" in alice_client.get("/brand/preview", {"primary_colour": "blue"}).content.decode()
    pictures = [
        alice_client.get("/brand/preview.webp", {"template": "split", "size": "320x100", "primary_colour": c})
        for c in ("#112233", "#803020")
    ]
    assert [picture.status_code for picture in pictures] == [200, 200]
    assert pictures[0].content != pictures[1].content
    with Image.open(io.BytesIO(pictures[0].content)) as image:
        assert image.size == (320, 100)
    assert brand_kit_get(advertiser=shop)._state.adding


def test_the_preview_is_made_of_the_latest_picture(alice_client, shop):
    sample = alice_client.get("/brand/preview.webp", {"size": "300x250"}).content
    job = factories.make_render_job(shop)
    name, _ = content_store(png_bytes(motif()), folder="renders", extension="png")
    type(job).objects.filter(pk=job.pk).update(status="succeeded", picture=name)
    assert alice_client.get("/brand/preview.webp", {"size": "300x250"}).content != sample


@pytest.mark.parametrize(
    "query", [{"size": "9x9"}, {"size": "²x²"}, {"template": "cubist"}, {"primary_colour": "x"}]
)
def test_a_preview_that_cannot_be_says_why(alice_client, query):
    answer = alice_client.get("/brand/preview.webp", query)
    assert answer.status_code == 400
    assert answer.content


def test_every_template_has_a_page(alice_client):
    page = alice_client.get("/templates/").content.decode()
    assert page.count("picture-card-body") >= 8
    chosen = alice_client.get("/templates/", {"template": "noir"}).content.decode()
    assert "size=1080x1920" in chosen
    assert "champagne" in chosen


def test_headlines_can_be_read_before_they_are_used(alice_client, shop):
    factories.make_segment(shop, slug="hikers", name="Hikers", interests=("outdoor_hiking",))
    page = alice_client.get("/headlines/").content.decode()
    assert "Take the long way up" in page
    assert "一步一景，山在眼前" in page
    assert "20 of 34" in page


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
