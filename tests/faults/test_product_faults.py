"""The whole product behind one port: its groups die and freeze, and it is sent what nobody should send."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.drills.trees import group_states
from tests.faults.servers import Product, seconds_until
from tests.test_hostile_input import BODIES

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

MAKE = """
from accounts.services import advertiser_create, api_key_create
shop = advertiser_create(name="Faults", slug="faults")
print(api_key_create(advertiser=shop, name="f", kind="secret")[1])
"""
COUNT = "from analytics.models import Event; print(Event.objects.count())"


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    # Its own pages' and keys' limits are other tests' matter.
    product = Product(tmp_path_factory.mktemp("product"), API_THROTTLE="100000/min", SERVING_KEY_RATE="0")
    product.headers = {"Authorization": f"Bearer {product.manage(MAKE)}", "Content-Type": "application/json"}
    yield product
    product.stop()


def decide(product) -> int:
    return product.status("/api/v1/decisions", b'{"placements": ["top"]}', product.headers)


def order(number: int, **fields: object) -> dict[str, object]:
    return {
        "event_id": f"order-{number}", "kind": "conversion", "order_id": f"o{number}", "value_cents": 100,
        "currency": "EUR", **fields,
    }  # fmt: skip


def send(product, events: list[dict[str, object]], **envelope: object) -> int:
    return product.status(
        "/api/v1/events", json.dumps({"events": events, **envelope}).encode(), product.headers
    )


def test_decisions_go_on_while_the_pages_group_is_killed_and_it_comes_back(product):
    assert product.status("/login/") == 200
    (pages,) = product.children("adplatform.wsgi")
    os.killpg(pages, signal.SIGKILL)
    answers = [decide(product) for _ in range(50)]
    assert answers == [200] * 50
    assert seconds_until(lambda: product.status("/login/") == 200, 60) < 60


def test_decisions_go_on_while_the_pages_group_is_frozen(product):
    pages = product.children("adplatform.wsgi")[-1]
    os.killpg(pages, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert [decide(product) for _ in range(50)] == [200] * 50
        print(f"50 decisions beside frozen pages: {time.monotonic() - started:.2f} s")
    finally:
        os.killpg(pages, signal.SIGCONT)
    assert seconds_until(lambda: product.status("/login/") == 200, 60) < 60


def test_the_hot_group_comes_back_from_a_kill_and_keeps_what_it_accepted(product):
    before = int(product.manage(COUNT))
    assert send(product, [order(number) for number in range(40)]) == 202
    (hot,) = product.children("adplatform.hot_wsgi")
    os.killpg(hot, signal.SIGKILL)
    print(f"hot group back after {seconds_until(lambda: decide(product) == 200, 60):.1f} s")
    assert int(product.manage(COUNT)) == before + 40


def test_all_hot_workers_killed_at_once_and_again_as_they_return(tmp_path):
    """A worker that dies within 5.5 s of its start is a crash loop to granian, which ends; serve does not."""
    product = Product(tmp_path, web_workers=2, SERVING_KEY_RATE="0")
    product.headers = {"Authorization": f"Bearer {product.manage(MAKE)}", "Content-Type": "application/json"}
    try:
        assert decide(product) == 200
        (hot,) = product.children("adplatform.hot_wsgi")
        assert workers_kill(hot) == 2
        print(f"decisions again after {seconds_until(lambda: decide(product) == 200, 120):.1f} s")

        def is_parent_gone() -> bool:
            workers_kill(hot)
            return hot not in product.children("adplatform.hot_wsgi")

        print(f"killed on and on, the parent ended after {seconds_until(is_parent_gone, 120):.1f} s")
        print(f"decisions again after {seconds_until(lambda: decide(product) == 200, 120):.1f} s")
    finally:
        product.stop()


def workers_kill(hot: int) -> int:
    """SIGKILL to every process of granian's that serves; how many. Its resource tracker serves nobody."""
    killed = 0
    for pid, state in group_states(hot):
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            if (
                pid != hot
                and state != "Z"
                and "resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_text()
            ):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed


def test_an_event_delivered_ten_times_by_eight_clients_is_one(product):
    before = int(product.manage(COUNT))
    batch = [order(1000 + number) for number in range(30)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(product, batch), range(80)))
    assert set(answers) <= {202, 503}
    assert 202 in answers
    assert int(product.manage(COUNT)) == before + 30


@pytest.mark.parametrize("skew_hours", [3, -3, 24 * 365, -24 * 365])
def test_a_page_whose_clock_is_wrong_is_put_right(product, skew_hours):
    number = 5000 + abs(skew_hours) + (skew_hours > 0)
    theirs = (datetime.now(UTC) + timedelta(hours=skew_hours)).isoformat()
    assert send(product, [order(number, occurred_at=theirs)], sent_at=theirs) == 202
    code = (
        "from analytics.models import Event; "
        f"e = Event.objects.get(event_id='order-{number}'); "
        "print(abs((e.occurred_at - e.received_at).total_seconds()))"
    )
    assert float(product.manage(code)) < 5.0


def test_a_time_in_the_future_is_refused_or_held_at_now(product):
    soon = (datetime.now(UTC) + timedelta(hours=48)).isoformat()
    assert send(product, [order(9000, occurred_at=soon)]) == 202
    code = (
        "from analytics.models import Event; from django.utils import timezone; "
        "print(Event.objects.filter(event_id='order-9000', occurred_at__gt=timezone.now()).count())"
    )
    assert product.manage(code) == "0"


def test_ten_megabytes_and_broken_json_get_an_answer_and_leave_it_well(product):
    failures = []
    for path in ("/api/v1/events", "/api/v1/decisions", "/api/v1/conversions", "/api/v1/campaigns",
                 "/api/v1/behaviours", "/api/v1/consents"):  # fmt: skip
        for name, body in BODIES.items():
            status = product.status(path, body, product.headers)
            # 0: the body's sender was cut off, which is an answer to ten megabytes only.
            if status in (500, 502) or (status == 0 and len(body) < 1_000_000):
                failures.append((path, name, status))
    assert not failures
    assert decide(product) == 200
    assert product.status("/readyz") == 200


def test_none_of_it_left_a_traceback(product):
    assert "Traceback" not in product.log.read_text(errors="replace")
