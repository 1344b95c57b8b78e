"""The catalogue's pages, as a manager, a reviewer and a stranger see them."""

from __future__ import annotations

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from campaigns.models import CatalogImport, Product
from tests import factories
from tests.campaigns.test_catalog_services import PICTURES, feed, line, zipped

pytestmark = pytest.mark.django_db
IMPORT_PAGE = "/catalog/imports/"


def upload(client: Client, content: bytes, images: bytes | None = None, name: str = "feed.tsv"):
    body = {"feed": SimpleUploadedFile(name, content)}
    if images is not None:
        body["images"] = SimpleUploadedFile("images.zip", images)
    return client.post(IMPORT_PAGE, body, follow=True)


def text(response) -> str:
    return response.content.decode()


def test_an_empty_catalogue_says_what_to_do(alice_client):
    page = text(alice_client.get("/catalog/"))
    assert "No products yet" in page
    assert IMPORT_PAGE in page


def test_a_manager_uploads_previews_applies_and_sees_the_product(alice_client, shop):
    preview = upload(alice_client, feed(line(), line("A2", price="x")), zipped(PICTURES))
    assert "To create" in text(preview)
    assert "x&#x27; is not a known currency" in text(preview)
    assert not Product.objects.exists()
    record = CatalogImport.objects.get()
    assert record.created_by.username == "alice"
    applied = alice_client.post(f"{IMPORT_PAGE}{record.pk}/apply/", follow=True)
    assert "1 products created" in text(applied)
    product = Product.objects.get(advertiser=shop)
    assert "Shoe A1" in text(alice_client.get("/catalog/"))
    detail = text(alice_client.get(f"/catalog/products/{product.pk}/"))
    assert product.palette[0] in detail
    assert "89.90 EUR" in detail
    assert "feed.tsv" in text(alice_client.get(IMPORT_PAGE))


def test_an_htmx_apply_shows_progress_until_the_pictures_are_done(alice_client, monkeypatch):
    files = {
        f"images/{i}.png": factories.png_bytes(factories.product_cutout(f"#{i:02x}8040")) for i in range(10)
    }
    rows = [line(f"A{i}", image_link=f"images/{i}.png") for i in range(10)]
    upload(alice_client, feed(*rows), zipped(files))
    monkeypatch.setattr("campaigns.catalog_views.APPLY_SECONDS", 0.0)
    path = f"{IMPORT_PAGE}{CatalogImport.objects.get().pk}/apply/"
    first = alice_client.post(path, headers={"HX-Request": "true"})
    assert "8 of 10 done" in text(first)
    assert 'hx-trigger="submit, load"' in text(first)
    last = alice_client.post(path, headers={"HX-Request": "true"})
    assert last["HX-Redirect"].endswith(f"{CatalogImport.objects.get().pk}/")
    assert Product.objects.count() == 10


def test_a_refused_feed_shows_its_reason(alice_client):
    page = text(upload(alice_client, b"hello", name="notes.txt"))
    assert "unknown_format" in page
    assert "Apply" not in page


def test_a_form_without_a_feed_says_so(alice_client):
    response = alice_client.post(IMPORT_PAGE, {})
    assert response.status_code == 200
    assert "This field is required" in text(response)


def test_what_a_feed_says_is_shown_as_text_never_as_html(alice_client, shop):
    hostile = "<img src=x onerror=alert(1)>"
    upload(alice_client, feed(line(title=hostile), line("A2", price=hostile)), name=f"{hostile}.tsv")
    record = CatalogImport.objects.get()
    alice_client.post(f"{IMPORT_PAGE}{record.pk}/apply/")
    product = Product.objects.get()
    for path in ("/catalog/", f"/catalog/products/{product.pk}/", IMPORT_PAGE, f"{IMPORT_PAGE}{record.pk}/"):
        page = text(alice_client.get(path))
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page


def test_products_are_searched_and_paged_on_the_page(alice_client, shop):
    for number in range(40):
        factories.make_product(shop, f"A{number:02}", title=f"Shoe {number:02}")
    assert "Page 1 of 2" in text(alice_client.get("/catalog/"))
    assert "Shoe 39" in text(alice_client.get("/catalog/?page=2"))
    assert "1 product found" in text(alice_client.get("/catalog/?q=a17"))
    nothing = text(alice_client.get("/catalog/?q=zebra"))
    assert "No product matches" in nothing
    for odd in ("page=x", "page=-1", "availability=x", "picture=x", "type=%25", "q=%25"):
        assert alice_client.get(f"/catalog/?{odd}").status_code == 200


def test_the_list_costs_the_same_few_queries_however_many_products(
    alice_client, shop, django_assert_max_num_queries
):
    for number in range(30):
        factories.make_product(shop, f"A{number}")
    with django_assert_max_num_queries(8):
        alice_client.get("/catalog/")


def test_a_reviewer_may_look_but_not_import(rita_client, shop):
    product = factories.make_product(shop)
    assert rita_client.get(f"/catalog/products/{product.pk}/").status_code == 200
    page = text(rita_client.get(IMPORT_PAGE))
    assert 'type="file"' not in page
    assert (
        rita_client.post(IMPORT_PAGE, {"feed": SimpleUploadedFile("f.tsv", feed(line()))}).status_code == 403
    )
    record = CatalogImport.objects.create(advertiser=shop, source_name="x")
    assert rita_client.post(f"{IMPORT_PAGE}{record.pk}/apply/").status_code == 403


def test_a_stranger_sees_none_of_it(mallory_client, shop):
    product = factories.make_product(shop, title="Secret shoe")
    record = CatalogImport.objects.create(advertiser=shop, source_name="secret.tsv")
    assert mallory_client.get(f"/catalog/products/{product.pk}/").status_code == 404
    assert mallory_client.get(f"/catalog/products/{uuid.uuid4()}/").status_code == 404
    assert mallory_client.get(f"{IMPORT_PAGE}{record.pk}/").status_code == 404
    assert mallory_client.post(f"{IMPORT_PAGE}{record.pk}/apply/").status_code == 404
    for path in ("/catalog/", "/catalog/?q=secret", IMPORT_PAGE):
        page = text(mallory_client.get(path))
        assert "Secret shoe" not in page
        assert "secret.tsv" not in page
    assert Client().get("/catalog/").status_code == 302


def test_an_apply_needs_a_post_with_a_token(alice, alice_client, shop):
    record = CatalogImport.objects.create(advertiser=shop, source_name="x")
    assert alice_client.get(f"{IMPORT_PAGE}{record.pk}/apply/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post(f"{IMPORT_PAGE}{record.pk}/apply/").status_code == 403
