"""The Python and the JavaScript client against a running server, as their documentation shows them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from accounts.models import ApiKey
from analytics.models import Event
from campaigns.serving import keys
from campaigns.serving.store import snapshots
from profiles.models import Shopper
from tests import factories
from tests.analytics.tokens import CHROME
from tests.campaigns.serving_cast import make_live, make_variant

CLIENTS = Path(__file__).resolve().parents[2] / "clients"
sys.path.insert(0, str(CLIENTS / "python"))
from adplatform_client import ApiError, ApiUnavailable, Client, conversion_event, impression_event  # noqa: E402

pytestmark = pytest.mark.django_db(transaction=True)
NODE = shutil.which("node")


@pytest.fixture
def live(shop):
    snapshots.clear()
    keys.callers_forget()
    campaign, placement = make_live(shop)
    for _ in range(2):
        make_variant(campaign, placement)


@pytest.fixture
def ads(live, live_server, shop):
    return Client(live_server.url, factories.make_key(shop), timeout=20)


def test_a_servers_day_with_the_python_client(ads, shop):
    ads.record_consent("anna", personalisation=True, text_version="1", source="account page")
    ads.record_behaviours([{"shopper": "anna", "kind": "search", "text": "hiking boots"}])
    assert Shopper.objects.get(advertiser=shop).personalisation_allowed
    first, second, none = ads.decide(["hero", "hero", "nowhere"], shopper="anna", device="mobile")
    assert (first.is_filled, first.width, first.match, first.label) == (True, 300, "generic", "Ad")
    assert first.creative_id != second.creative_id
    told = first.disclosure
    assert (told.on_behalf_of, told.parameters, told.is_ai_generated) == (shop.name, ("none",), True)
    assert none.disclosure is None
    assert (none.is_filled, none.reason) == (False, "unknown_placement")
    assert not ads.decide(["hero"], shown=[first.creative_id, second.creative_id])[0].is_filled
    order = conversion_event(shopper="anna", order_id="A-1", value_cents=8990, currency="EUR")
    seen = impression_event(first)
    assert ads.send_events([seen, order]).accepted == 2
    again = ads.send_events([order, {"event_id": "x", "kind": "nonsense"}])
    assert (again.accepted, again.duplicates, [line.index for line in again.rejected]) == (0, 1, [1])
    assert Event.objects.filter(kind="conversion", value_cents=8990).count() == 1


def _load(url):
    """As an <img> in a browser does."""
    request = urllib.request.Request(url, headers={"User-Agent": CHROME})  # noqa: S310
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return answer.headers["Content-Type"]


def test_a_native_answers_trackers_count_its_impression_once(ads):
    filled, empty = ads.decide_native(["hero", "nowhere"], device="mobile")
    assert (empty["nbr"], "native" in empty) == (2, False)
    trackers = {tracker["event"]: tracker["url"] for tracker in filled["native"]["eventtrackers"]}
    for event in (1, 2, 1):
        assert _load(trackers[event]) == "image/gif"
    counted = Event.objects.filter(decision_id=filled["decision_id"], validity="valid")
    assert sorted(counted.values_list("kind", flat=True)) == ["impression", "viewable"]


def test_a_pixel_in_a_page_without_a_script_is_the_same_event_as_the_servers(ads):
    (decision,) = ads.decide(["hero"])
    assert _load(ads.pixel_url(decision)) == "image/gif"
    assert ads.send_events([impression_event(decision)]).duplicates == 1
    assert Event.objects.filter(decision_id=decision.decision_id).count() == 1


def test_more_events_than_a_request_takes_are_sent_in_several(ads):
    orders = [
        conversion_event(shopper="anna", order_id=f"B-{n}", value_cents=1, currency="EUR") for n in range(501)
    ]
    answer = ads.send_events([*orders, {"event_id": "x", "kind": "nonsense"}])
    assert answer.accepted == 501
    assert answer.rejected[0].index == 501


def test_an_order_id_may_be_as_long_as_an_event_id(ads):
    orders = [
        conversion_event(shopper="anna", order_id="é" * length, value_cents=1, currency="EUR")
        for length in (58, 59, 64)
    ]
    assert [order["event_id"][:6] for order in orders] == ["order:", "é" * 6, "é" * 6]
    assert ads.send_events(orders).accepted == 3


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_javascript_client_names_an_order_as_the_python_client_does():
    module = (CLIENTS / "js" / "adplatform.mjs").as_uri()
    script = f"""
    import {{ conversionEvent }} from "{module}";
    const orders = ["é".repeat(58), "é".repeat(59), "徒".repeat(64), "😀".repeat(58)];
    console.log(JSON.stringify(orders.map(orderId => conversionEvent({{ orderId }}))));
    """
    done = subprocess.run(  # noqa: S603
        [NODE, "--input-type=module", "-e", script], capture_output=True, text=True, timeout=60, check=True
    )
    for event in json.loads(done.stdout):
        same = conversion_event(shopper="", order_id=event["order_id"], value_cents=0, currency="")
        assert event["event_id"] == same["event_id"]
        assert len(event["event_id"]) <= 64


def test_what_the_server_refuses_has_its_code_and_silence_has_none(ads, live_server, shop):
    with pytest.raises(ApiError) as refusal:
        Client(live_server.url, "sk_wrong", timeout=20).decide(["hero"])
    assert (refusal.value.status, refusal.value.code) == (401, "api_key_invalid")
    with pytest.raises(ApiUnavailable):
        Client("http://127.0.0.1:9", "sk_x").decide(["hero"])
    with pytest.raises(ValueError, match=r"https://ads\.example"):
        Client("ads.example", "sk_x")


SCRIPT = """
import { AdPlatform, ApiError, impressionEvent, viewableEvent } from "%(module)s";
const ads = new AdPlatform({ host: "%(host)s", key: "%(key)s", timeoutMs: 20000 });
const [first, none] = await ads.decide(["hero", "nowhere"], { device: "mobile" });
const events = [impressionEvent(first), viewableEvent(first)];
const sent = await ads.sendEvents(events);
const again = await ads.sendEvents(events);
let refused;
try {
  await new AdPlatform({ host: "%(host)s", key: "pk_wrong", timeoutMs: 20000 }).decide(["hero"]);
} catch (error) {
  refused = [error instanceof ApiError, error.code, error.isTemporary];
}
let silent;
try {
  await new AdPlatform({ host: "http://127.0.0.1:9", key: "pk_x" }).decide(["hero"]);
} catch (error) {
  silent = [error.status, error.isTemporary];
}
console.log(JSON.stringify({ first, none, sent, again, refused, silent }));
"""


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_javascript_client_decides_and_reports(live, live_server, shop, tmp_path):
    script = tmp_path / "page.mjs"
    script.write_text(
        SCRIPT
        % {
            "module": (CLIENTS / "js" / "adplatform.mjs").as_uri(),
            "host": live_server.url,
            "key": factories.make_key(shop, ApiKey.Kind.PUBLISHABLE),
        }
    )
    done = subprocess.run([NODE, str(script)], capture_output=True, text=True, timeout=120)  # noqa: S603
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["first"]["filled"] is True
    assert found["none"] == {**found["none"], "filled": False, "reason": "unknown_placement"}
    assert (found["sent"]["rejected"], found["again"]["accepted"]) == ([], 0)
    assert found["refused"] == [True, "api_key_invalid", False]
    assert found["silent"] == [0, True]
    assert Event.objects.count() == 2


def test_the_types_name_what_the_module_exports():
    code = (CLIENTS / "js" / "adplatform.mjs").read_text()
    types = (CLIENTS / "js" / "adplatform.d.mts").read_text()
    for name in ("ApiError", "AdPlatform", "impressionEvent", "viewableEvent", "conversionEvent"):
        assert f" {name}" in code
        assert f" {name}" in types
