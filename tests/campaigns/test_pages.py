"""The campaign pages as a manager walks through them."""

from __future__ import annotations

import re
import uuid

import pytest
from django.urls import reverse

from campaigns.models import Campaign, Placement
from campaigns.wizard_views import duration_words
from generation.models import RenderJob
from tests import factories

HTMX = {"HX-Request": "true"}


@pytest.fixture
def campaign(shop) -> Campaign:
    """Two products, one segment, one placement: four pictures."""
    return factories.make_campaign(
        shop,
        name="Spring",
        products=[factories.make_product(shop, title="Shoe"), factories.make_product(shop, title="Mug")],
        segments=[factories.make_segment(shop, "hikers", ("outdoor_hiking",))],
        placements=[factories.make_placement(shop)],
    )


def _page(client, name, *args, **query) -> str:
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def _settings(**changes) -> dict:
    return {"name": "Spring", "style": "studio", "language": "en", "priority": 5, "headline": "", **changes}


def test_the_wizard_from_a_name_to_rendered_pictures(alice_client, alice, shop):
    shoe = factories.make_product(shop, title="Trail shoe")
    factories.make_product(shop, title="Mug")
    hikers = factories.make_segment(shop, "hikers", ("outdoor_hiking",), size=250)
    placement = factories.make_placement(shop)

    answer = alice_client.post(reverse("campaign-create"), {"name": "Spring", "language": "en"})
    campaign = Campaign.objects.get()
    assert answer.url == reverse("campaign-products", args=[campaign.pk])
    assert campaign.created_by == alice

    page = _page(alice_client, "campaign-products", campaign.pk)
    assert "Trail shoe" in page
    assert "Mug" in page
    answer = alice_client.post(
        reverse("campaign-products", args=[campaign.pk]),
        {"shown": [shoe.pk], "product": [shoe.pk], "action": "next"},
    )
    assert answer.url == reverse("campaign-segments", args=[campaign.pk])

    assert "Hikers" in _page(alice_client, "campaign-segments", campaign.pk)
    answer = alice_client.post(answer.url, {"segment": [hikers.pk]})
    assert answer.url == reverse("campaign-settings", args=[campaign.pk])

    assert placement.name in _page(alice_client, "campaign-settings", campaign.pk)
    answer = alice_client.post(answer.url, _settings(placements=[placement.pk], starts_at="2026-12-01T09:00"))
    assert answer.url == reverse("campaign-preview", args=[campaign.pk])

    page = _page(alice_client, "campaign-preview", campaign.pk)
    assert page.count('class="card plan-row"') == 2
    assert 'data-from="segment" title="Interest: ' in page
    assert "Generate 2 pictures" in page
    answer = alice_client.post(reverse("campaign-generate", args=[campaign.pk]))
    assert answer.url == reverse("campaign-detail", args=[campaign.pk])
    assert RenderJob.objects.count() == 2
    assert {job.requested_by for job in RenderJob.objects.all()} == {alice}

    page = _page(alice_client, "campaign-detail", campaign.pk)
    assert "0 of 2 pictures done" in page
    assert 'hx-trigger="every 2s"' in page
    assert "No creative of this campaign is approved yet" in page


def test_a_search_never_loses_the_selection(alice_client, shop, campaign):
    shoe, mug = campaign.products.order_by("-title")
    url = reverse("campaign-products", args=[campaign.pk])
    found = alice_client.get(
        url, {"q": "mug"}, headers={**HTMX, "HX-Target": "product-grid"}
    ).content.decode()
    assert "Mug" in found
    assert "Shoe" not in found
    assert "<html" not in found
    # The mug, the only one on the screen, is taken away; the shoe was not on the screen and stays.
    answer = alice_client.post(url, {"q": "mug", "shown": [mug.pk]}, headers=HTMX)
    assert "1 product" in answer.content.decode()
    assert list(campaign.products.all()) == [shoe]


def test_everything_that_matches_is_selected_at_once_and_cleared_at_once(alice_client, shop):
    for number in range(30):
        factories.make_product(shop, title=f"Cup {number}")
    factories.make_product(shop, title="Plate")
    factories.make_product(shop, title="Cup without picture", cutout="")
    campaign = factories.make_campaign(shop)
    url = reverse("campaign-products", args=[campaign.pk])
    answer = alice_client.post(url, {"q": "cup", "action": "select_all"})
    assert campaign.products.count() == 30
    assert answer.url.endswith("?q=cup&type=")
    alice_client.post(url, {"action": "clear"})
    assert campaign.products.count() == 0


def test_segments_too_small_to_show_are_marked(alice_client, shop, campaign, settings):
    settings.PROFILES_SEGMENT_MIN_SHOPPERS = 100
    factories.make_segment(shop, "few", ("food_coffee",), size=99)
    factories.make_segment(shop, "many", ("food_coffee",), size=100)
    page = _page(alice_client, "campaign-segments", campaign.pk)
    assert "under 100" in page[page.index("Few") : page.index("Few") + 600]
    assert "under 100" not in page[page.index("Many") : page.index("Many") + 400]


def test_settings_are_saved_while_they_are_typed_and_mistakes_are_named(alice_client, campaign):
    url = reverse("campaign-settings", args=[campaign.pk])
    placements = list(Placement.objects.values_list("pk", flat=True))
    saved = alice_client.post(url, _settings(headline="Hello", placements=placements), headers=HTMX)
    assert "Saved" in saved.content.decode()
    campaign.refresh_from_db()
    assert campaign.headline == "Hello"
    wrong = _settings(starts_at="2026-12-02T00:00", ends_at="2026-12-01T00:00", placements=placements)
    assert "Not saved" in alice_client.post(url, wrong, headers=HTMX).content.decode()
    page = alice_client.post(url, wrong)
    assert page.status_code == 200
    assert "The end lies before the start" in page.content.decode()


@pytest.mark.parametrize(
    ("emptied", "step"), [("products", "campaign-products"), ("placements", "campaign-settings")]
)
def test_a_preview_that_is_not_ready_leads_to_the_step_that_is_missing(alice_client, campaign, emptied, step):
    getattr(campaign, emptied).clear()
    page = _page(alice_client, "campaign-preview", campaign.pk)
    assert "Not ready yet" in page
    assert reverse(step, args=[campaign.pk]) in page
    answer = alice_client.post(reverse("campaign-generate", args=[campaign.pk]))
    assert answer.url == reverse(step, args=[campaign.pk])
    assert RenderJob.objects.count() == 0


def test_progress_stops_asking_when_everything_is_done(alice_client, campaign):
    alice_client.post(reverse("campaign-generate", args=[campaign.pk]))
    url = reverse("campaign-progress", args=[campaign.pk])
    busy = alice_client.get(url, {"seen": "0-0-0"})
    assert "every 2s" in busy.content.decode()
    assert "HX-Trigger" not in busy.headers
    first, *others = RenderJob.objects.all()
    factories.make_creative(first)
    assert alice_client.get(url, {"seen": "0-0-0"}).headers["HX-Trigger"] == "variantschanged"
    for job in others:
        factories.make_creative(job)
    done = alice_client.get(url, {"seen": "0-0-0"})
    assert "every 2s" not in done.content.decode()
    assert done.headers["HX-Refresh"] == "true"
    assert "4 of 4 pictures done" in done.content.decode()


def test_the_detail_page_launches_pauses_and_ends(alice_client, campaign):
    alice_client.post(reverse("campaign-generate", args=[campaign.pk]))
    for job in RenderJob.objects.all():
        factories.make_creative(job, status="approved")
    page = _page(alice_client, "campaign-detail", campaign.pk)
    assert "Launch" in page
    assert page.count("<img") >= 6  # two products and four creatives
    for action, status in (("launch", "live"), ("pause", "paused"), ("launch", "live"), ("end", "ended")):
        alice_client.post(reverse(f"campaign-{action}", args=[campaign.pk]))
        campaign.refresh_from_db()
        assert campaign.status == status
        _page(alice_client, "campaign-detail", campaign.pk)
    refused = alice_client.post(reverse("campaign-launch", args=[campaign.pk]), follow=True)
    assert "an ended campaign stays ended" in refused.content.decode()
    assert alice_client.get(reverse("campaign-products", args=[campaign.pk])).status_code == 302


def test_a_placement_without_an_approved_creative_is_named(alice_client, shop, campaign):
    campaign.placements.add(factories.make_placement(shop, "billboard", 970, 250))
    alice_client.post(reverse("campaign-generate", args=[campaign.pk]))
    factories.make_creative(campaign.variants.first().job, status="approved")
    page = _page(alice_client, "campaign-detail", campaign.pk)
    assert "Nothing is approved yet for Billboard (970x250)" in page


def test_a_changed_price_shows_up_and_can_be_rendered_again(alice_client, campaign):
    alice_client.post(reverse("campaign-generate", args=[campaign.pk]))
    product = campaign.products.first()
    product.price_cents += 1
    product.save()
    page = _page(alice_client, "campaign-detail", campaign.pk)
    assert "2 outdated pictures" in page
    assert ">price<" in page
    alice_client.post(reverse("campaign-refresh", args=[campaign.pk]))
    assert "outdated" not in _page(alice_client, "campaign-detail", campaign.pk)


def test_another_take_and_another_try_are_one_click_each(alice_client, campaign):
    alice_client.post(reverse("campaign-generate", args=[campaign.pk]))
    variant = campaign.variants.first()
    alice_client.post(reverse("variant-regenerate", args=[campaign.pk, variant.pk]))
    variant.refresh_from_db()
    assert variant.job.brief["take"] == 1
    RenderJob.objects.filter(pk=variant.job_id).update(status="dead")
    assert "Try the failed ones again" in _page(alice_client, "campaign-detail", campaign.pk)
    alice_client.post(reverse("campaign-retry", args=[campaign.pk]))
    variant.job.refresh_from_db()
    assert variant.job.status == "queued"


def test_a_draft_can_be_deleted_from_its_page(alice_client, campaign):
    assert alice_client.post(reverse("campaign-delete", args=[campaign.pk])).url == reverse("campaign-list")
    assert not Campaign.objects.exists()


def test_the_list_searches_filters_and_counts(alice_client, shop, campaign):
    factories.make_campaign(shop, name="Winter")
    alice_client.post(reverse("campaign-generate", args=[campaign.pk]))
    page = _page(alice_client, "campaign-list")
    assert "0 of 4" in page
    assert "Winter" not in _page(alice_client, "campaign-list", q="mug")
    assert "Spring" in _page(alice_client, "campaign-list", q="mug")
    assert "No campaign matches" in _page(alice_client, "campaign-list", status="ended")


def test_an_empty_shop_is_told_what_to_do_first(alice_client, shop):
    assert "No campaigns yet" in _page(alice_client, "campaign-list")
    assert "No placements yet" in _page(alice_client, "placement-list")
    campaign = factories.make_campaign(shop)
    assert "No product with a picture yet" in _page(alice_client, "campaign-products", campaign.pk)
    assert "There are no segments yet" in _page(alice_client, "campaign-segments", campaign.pk)
    assert "There is no open placement yet" in _page(alice_client, "campaign-settings", campaign.pk)
    assert "Nothing chosen yet" in _page(alice_client, "campaign-detail", campaign.pk)


def test_placements_are_made_with_their_tag_and_closed(alice_client, shop):
    url = reverse("placement-list")
    alice_client.post(url, {"name": "Top", "code": "top", "size": "728x90"})
    placement = Placement.objects.get()
    assert placement.size == "728x90"
    page = _page(alice_client, "placement-list")
    assert "data-placement=&quot;top&quot;" in page or 'data-placement="top"' in page
    twice = alice_client.post(url, {"name": "Top", "code": "top", "size": "728x90"})
    assert "This code is taken" in twice.content.decode()
    odd = alice_client.post(url, {"name": "Side", "code": "side", "size": "301x250"})
    assert "Select a valid choice" in odd.content.decode()
    alice_client.post(reverse("placement-switch", args=[placement.pk]), {"is_active": "0"})
    placement.refresh_from_db()
    assert not placement.is_active


PAGES = ("detail", "products", "segments", "settings", "preview", "progress", "matrix")
ACTIONS = ("launch", "pause", "end", "retry", "refresh", "delete", "generate")


def test_another_advertisers_campaign_has_no_page(mallory_client, campaign):
    for name in PAGES:
        assert mallory_client.get(reverse(f"campaign-{name}", args=[campaign.pk])).status_code == 404
    for name in (*ACTIONS, "products", "segments", "settings"):
        assert mallory_client.post(reverse(f"campaign-{name}", args=[campaign.pk])).status_code == 404
    placement = campaign.placements.first()
    assert mallory_client.post(reverse("placement-switch", args=[placement.pk])).status_code == 404
    variant_url = reverse("variant-regenerate", args=[campaign.pk, uuid.uuid4()])
    assert mallory_client.post(variant_url).status_code == 404
    assert "Spring" not in _page(mallory_client, "campaign-list")


def test_a_reviewer_reads_everything_and_changes_nothing(rita_client, campaign):
    assert "Spring" in _page(rita_client, "campaign-list")
    page = _page(rita_client, "campaign-detail", campaign.pk)
    assert not re.search(r'<form method="post" action="/campaigns/', page)
    for name in ACTIONS:
        assert rita_client.post(reverse(f"campaign-{name}", args=[campaign.pk])).status_code == 403
    for name in ("products", "segments", "settings", "preview"):
        assert rita_client.get(reverse(f"campaign-{name}", args=[campaign.pk])).status_code == 403
    assert rita_client.get(reverse("campaign-create")).status_code == 403
    assert rita_client.post(reverse("placement-list"), {}).status_code == 403


def test_nobody_gets_in_without_signing_in(client, campaign):
    for name in ("campaign-list", "campaign-create", "placement-list"):
        assert "/login/" in client.get(reverse(name)).url


def test_nonsense_in_forms_and_urls_never_breaks_a_page(alice_client, campaign):
    assert alice_client.get(reverse("campaign-list"), {"page": "x", "status": "nonsense"}).status_code == 200
    url = reverse("campaign-products", args=[campaign.pk])
    junk = {"product": ["x", str(uuid.uuid4())], "shown": ["", "y"], "action": "next", "q": "%_"}
    assert alice_client.post(url, junk).status_code == 302
    assert campaign.products.count() == 2
    assert alice_client.get(url, {"q": "%_", "page": "-1"}).status_code == 200


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, ""), (0, ""), (45, "45 s"), (300, "5 min"), (7000, "1 h 57 min")]
)
def test_durations_are_rough_words(seconds, words):
    assert duration_words(seconds) == words
