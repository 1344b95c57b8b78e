"""Drafts: asked for by a page, drawn by a worker, kept by content, forgotten after a day."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image, ImageDraw

from adplatform.lib.errors import DomainError
from generation import drafts, renderers
from generation.models import Draft, RenderJob
from generation.renderers import renderer_get
from generation.renderers.base import RenderError, RenderResult
from tests import factories

pytestmark = pytest.mark.django_db
Status = Draft.Status


class DiscRenderer:
    def __init__(self, error=None):
        self.requests = []
        self.error = error

    def render(self, request, on_step):
        self.requests.append(request)
        if self.error:
            raise self.error
        image = Image.new("RGBA", (64, 64))
        ImageDraw.Draw(image).ellipse((8, 8, 56, 56), fill="#3f7f73")
        return RenderResult(image, "tiny", "f" * 64, 1)


@pytest.fixture
def install(settings, monkeypatch):
    def put(renderer):
        settings.GENERATION_DRAFT_MODEL = "quick"
        settings.GENERATION_MODELS = {**settings.GENERATION_MODELS, "quick": "/nowhere/quick"}
        monkeypatch.setattr(renderers, "_loaded", {("quick", "/nowhere/quick"): renderer})
        return renderer

    return put


@pytest.fixture
def quick(install):
    return install(DiscRenderer())


def test_a_brief_is_drawn_once_by_the_draft_model_in_one_size(shop, brief, quick):
    brief = replace(brief, keeps_product=True, brand=replace(brief.brand, lora="house-style"))
    draft = drafts.draft_request(advertiser=shop, brief=brief)
    assert (draft.status, quick.requests) == (Status.WAITING, []), "the page draws nothing"
    assert drafts.drafts_make() == 1
    assert (quick.requests[0].lora, quick.requests[0].keep) == ("", None)
    again = drafts.draft_request(advertiser=shop, brief=brief)
    assert (again.pk, again.status, again.error_code) == (draft.pk, Status.MADE, "")
    with Image.open(default_storage.open(again.file)) as picture:
        assert picture.size == (300, 250)
    assert drafts.drafts_make() == 0
    assert not RenderJob.objects.exists(), "a draft is no creative"


def test_an_edit_is_another_draft_and_the_old_one_is_still_there(shop, brief, quick):
    first, second = (
        drafts.draft_request(advertiser=shop, brief=replace(brief, headline=words))
        for words in ("One", "Two")
    )
    assert drafts.drafts_make() == 2
    files = {drafts.draft_get(advertiser_id=shop.pk, draft_id=row.pk).file for row in (first, second)}
    assert len(files) == 2
    back = drafts.draft_request(advertiser=shop, brief=replace(brief, headline="One"))
    assert (back.pk, back.status) == (first.pk, Status.MADE)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RenderError("model_broken", "No weights.", permanent=True), "model_broken"),
        (ZeroDivisionError("oh"), "internal_error"),
    ],
)
def test_a_failure_has_a_code_and_asking_again_tries_again(shop, brief, install, error, code):
    install(DiscRenderer(error))
    draft = drafts.draft_request(advertiser=shop, brief=brief)
    drafts.drafts_make()
    draft.refresh_from_db()
    assert (draft.status, draft.error_code) == (Status.FAILED, code)
    install(DiscRenderer())
    assert drafts.draft_request(advertiser=shop, brief=brief).status == Status.WAITING
    assert drafts.drafts_make() == 1
    draft.refresh_from_db()
    assert draft.status == Status.MADE


def test_a_draft_that_kills_its_worker_is_given_up(shop, brief, install):
    renderer = install(DiscRenderer(SystemExit()))
    drafts.draft_request(advertiser=shop, brief=brief)
    for _ in range(2):
        with pytest.raises(SystemExit):
            drafts.drafts_make()
    assert drafts.drafts_make() == 0
    assert Draft.objects.get().error_code == "worker_lost"
    assert len(renderer.requests) == 2


def test_drafts_are_forgotten_after_a_day_with_their_files(
    shop, brief, quick, django_capture_on_commit_callbacks
):
    old = drafts.draft_request(advertiser=shop, brief=brief)
    drafts.drafts_make()
    old.refresh_from_db()
    with django_capture_on_commit_callbacks(execute=True):
        drafts.draft_request(
            advertiser=shop,
            brief=replace(brief, headline="New"),
            now=timezone.now() + timedelta(days=1, seconds=1),
        )
    assert not Draft.objects.filter(pk=old.pk).exists()
    assert not default_storage.exists(old.file)


def test_a_brief_without_a_prompt_is_refused_at_once(shop, brief, quick):
    with pytest.raises(DomainError, match="style"):
        drafts.draft_request(advertiser=shop, brief=replace(brief, style="cubism"))


def test_the_draft_model_stays_loaded_beside_another(quick, settings, monkeypatch):
    settings.GENERATION_MODELS = {"quick": "/nowhere/quick", "one": "/nowhere/one", "two": "/nowhere/two"}
    monkeypatch.setattr(renderers, "renderer_load", lambda name, location: DiscRenderer())
    for name in ("one", "two"):
        renderer_get(name)
    assert renderer_get("quick") is quick
    assert {name for name, _ in renderers._loaded} == {"quick", "two"}


# --- the panel in the wizard


@pytest.fixture
def campaign(shop):
    return factories.make_campaign(
        shop,
        products=[
            factories.make_product(shop, title="Alpine tent"),
            factories.make_product(shop, title="Mug"),
        ],
        segments=[factories.make_segment(shop, "hikers", ("outdoor_hiking",))],
        placements=[factories.make_placement(shop)],
    )


def test_the_panel_waits_shows_and_says_why_not(alice_client, campaign, quick, monkeypatch):
    url = f"/campaigns/{campaign.pk}/draft/"
    waiting = alice_client.post(url).content.decode()
    draft = Draft.objects.get()
    assert f'hx-get="/drafts/{draft.pk}/live"' in waiting
    assert draft.brief["product"]["title"] == "Alpine tent"
    assert draft.brief["segment"] is None
    drafts.drafts_make()
    made = alice_client.get(f"/drafts/{draft.pk}/live").content.decode()
    assert "hx-get" not in made
    assert "/media/drafts/" in made
    Draft.objects.update(status=Status.FAILED, error_code="model_missing", error_message="Folder <x>.")
    failed = alice_client.get(f"/drafts/{draft.pk}/live").content.decode()
    assert "model_missing" in failed
    assert "Folder &lt;x&gt;." in failed


def test_a_product_and_a_segment_can_be_chosen(alice_client, campaign, quick):
    mug, hikers = campaign.products.get(title="Mug"), campaign.segments.get()
    alice_client.post(f"/campaigns/{campaign.pk}/draft/", {"product": mug.pk, "segment": hikers.pk})
    brief = Draft.objects.get().brief
    assert (brief["product"]["title"], brief["segment"]["slug"]) == ("Mug", "hikers")
    alice_client.post(f"/campaigns/{campaign.pk}/draft/", {"product": "nonsense", "segment": "1"})
    assert Draft.objects.latest("created_at").brief["product"]["title"] == "Alpine tent"


def test_a_campaign_without_products_says_what_is_missing(alice_client, shop):
    page = alice_client.post(f"/campaigns/{factories.make_campaign(shop).pk}/draft/")
    assert (page.status_code, Draft.objects.count()) == (200, 0)
    assert "Choose a product first" in page.content.decode()


def test_reviewers_ask_for_nothing(rita_client, campaign):
    assert rita_client.post(f"/campaigns/{campaign.pk}/draft/").status_code == 403
