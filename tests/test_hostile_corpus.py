"""Two hundred of the texts of ``benchmarks/hostile_corpus.py``, which runs ten thousand."""

from __future__ import annotations

from collections import Counter

from profiles import services
from tests import factories
from tests.hostile import client_make, formulas_found, headlines_send, hostile_texts, interests_send


def test_no_hostile_text_is_stored_as_more_than_text(shop):
    texts = list(hostile_texts(210))
    assert set(Counter(text.kind for text in texts).values()) == {30}
    services.consent_record(
        advertiser=shop, shopper_key="ann", personalisation=True, text_version="1", source="test"
    )
    client = client_make(factories.make_key(shop))
    campaign = factories.make_campaign(shop)
    counts = headlines_send(client, f"/api/v1/campaigns/{campaign.pk}", texts[:70])
    counts += interests_send(client, shop, "ann", texts)
    assert counts["hidden sensitive words"] == 30
    assert not counts["sensitive interests stored"], counts
    assert not counts["NUL stored"]
    assert counts["headlines stored"] > 40
    assert counts["interests stored"] + counts["interests refused"] == len(texts)


def test_no_hostile_text_is_a_formula_in_a_file():
    assert formulas_found([text.text for text in hostile_texts(700)]) == []
