"""The catalogue over HTTP: what a shop's server sees, and what another shop's must not."""

from __future__ import annotations

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from accounts.models import ApiKey
from campaigns.models import CatalogImport, Product
from tests import factories
from tests.campaigns.test_catalog_services import PICTURES, feed, line, zipped

pytestmark = pytest.mark.django_db
PRODUCTS = "/api/v1/catalog/products"
IMPORTS = "/api/v1/catalog/imports"


def upload(client: APIClient, content: bytes, images: bytes | None = None, **fields):
    body = {"feed": SimpleUploadedFile("feed.tsv", content), **fields}
    if images is not None:
        body["images"] = SimpleUploadedFile("images.zip", images)
    return client.post(IMPORTS, body, format="multipart")


def test_a_feed_with_a_zip_of_pictures_is_imported_in_one_request(api):
    response = upload(api, feed(line(), line("A2", price="")), zipped(PICTURES))
    assert response.status_code == 201
    body = response.json()
    assert (body["status"], body["created"], body["failed"]) == ("applied", 1, 1)
    assert body["problems"][0] == {
        "line": 3,
        "external_id": "A2",
        "field": "price",
        "code": "missing",
        "message": "price is missing.",
        "severity": "error",
    }
    product = api.get(PRODUCTS).json()["results"][0]
    assert product["external_id"] == "A1"
    assert product["cutout_kind"] == "flood_fill"
    assert api.get(product["cutout_url"]).status_code == 200
    assert not {"advertiser", "image", "cutout", "image_fingerprint"} & product.keys()


def test_a_preview_is_applied_by_a_second_request_and_only_once(api):
    body = upload(api, feed(line()), zipped(PICTURES), preview="true").json()
    assert (body["status"], body["created"]) == ("preview", 1)
    assert api.get(PRODUCTS).json()["count"] == 0
    for _ in range(2):
        response = api.post(f"{IMPORTS}/{body['id']}/apply")
        assert response.status_code == 200
        assert (response.json()["status"], response.json()["created"]) == ("applied", 1)
    assert api.get(PRODUCTS).json()["count"] == 1


def test_imports_are_listed_newest_first_without_their_problems(api):
    upload(api, feed(line()))
    upload(api, feed(line(), line("A2")))
    results = api.get(IMPORTS).json()["results"]
    assert [result["total"] for result in results] == [2, 1]
    assert "problems" not in results[0]
    assert api.get(f"{IMPORTS}/{results[0]['id']}").json()["problems"][0]["code"] == "image_not_found"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_feed"),
        (b"id\ttitle\nA1\tx\n", "missing_columns"),
        (b"\x00\x01\x02", "unknown_format"),
        (b"<rss><item>", "unreadable_xml"),
    ],
)
def test_a_feed_that_cannot_be_used_is_answered_422_with_its_code(api, content, code):
    response = upload(api, content)
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == code


def test_a_zip_that_is_none_is_answered_422(api):
    assert upload(api, feed(line()), b"no zip").json()["code"] == "images_unreadable"


def test_requests_that_are_no_upload_are_client_errors(api):
    assert api.post(IMPORTS, {}, format="multipart").json()["errors"]["feed"]
    assert api.post(IMPORTS, {"feed": "text"}, format="multipart").status_code == 400
    assert api.post(IMPORTS, {"feed": "x"}, format="json").status_code == 415
    broken = api.generic("POST", IMPORTS, b"--x\r\nnonsense", content_type="multipart/form-data; boundary=x")
    assert broken.status_code == 400
    assert upload(api, feed(line()), preview="maybe").status_code == 400


def test_products_are_searched_filtered_and_paged(api, shop):
    factories.make_product(shop, "A1", title="Red shoe", product_type="Shoes > Trail")
    factories.make_product(shop, "A2", title="Red hat", availability="out_of_stock", image="", cutout="")

    def found(query: str) -> list[str]:
        return [product["external_id"] for product in api.get(f"{PRODUCTS}?{query}").json()["results"]]

    assert found("search=red") == ["A1", "A2"]
    assert found("search=hat") == ["A2"]
    assert found("product_type=Shoes") == ["A1"]
    assert found("availability=out_of_stock") == ["A2"]
    assert found("has_picture=false") == ["A2"]
    assert found("page_size=1&page=2") == ["A2"]


@pytest.mark.parametrize(
    "query", ["availability=maybe", "has_picture=perhaps", "search=" + "x" * 300, "search=%00"]
)
def test_a_filter_that_makes_no_sense_is_a_client_error(api, query):
    assert api.get(f"{PRODUCTS}?{query}").status_code == 400
    assert api.get(f"{PRODUCTS}?page=999").status_code == 404


def test_another_shop_sees_no_product_and_no_import(api, other_api, shop):
    product = factories.make_product(shop, "A1", title="Secret shoe")
    record = upload(api, feed(line("S1")), preview="true").json()
    for path in (f"{PRODUCTS}/{product.pk}", f"{IMPORTS}/{record['id']}"):
        theirs = other_api.get(path)
        nobodys = other_api.get(f"{path.rpartition('/')[0]}/{uuid.uuid4()}")
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.json() == nobodys.json()
        assert api.get(path).status_code == 200
    assert other_api.post(f"{IMPORTS}/{record['id']}/apply").status_code == 404
    assert CatalogImport.objects.get(pk=record["id"]).status == "preview"
    for path in (PRODUCTS, f"{PRODUCTS}?search=secret", IMPORTS):
        assert other_api.get(path).json()["count"] == 0


def test_an_upload_lands_at_the_keys_own_shop_whatever_the_body_says(api, other_shop):
    upload(api, feed(line()), advertiser=str(other_shop.pk), advertiser_id=str(other_shop.pk))
    assert not Product.objects.filter(advertiser=other_shop).exists()


def test_a_storefront_key_and_a_reviewer_may_not_import(shop, rita_client):
    public = APIClient()
    key = factories.make_key(shop, ApiKey.Kind.PUBLISHABLE)
    public.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    assert public.get(PRODUCTS).status_code == 403
    assert upload(public, feed(line())).status_code == 403
    assert APIClient().get(PRODUCTS).status_code == 401
    assert rita_client.get(PRODUCTS).status_code == 200
    assert rita_client.post(IMPORTS, {"feed": SimpleUploadedFile("f.tsv", feed(line()))}).status_code == 403
