"""Every route x method x foreign id: another advertiser's record answers exactly like one that never was.

The routes come from the URL table and from the OpenAPI schema, so a new one is tested without an entry
here; one that is public, or names a record of a new kind, fails until it says so below.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from django_otp.plugins.otp_totp.models import TOTPDevice
from drf_spectacular.generators import SchemaGenerator

from accounts.models import ApiKey, Membership
from adplatform.lib.media import media_url
from tests.routes import (
    FIXED,
    ID_ROUTES,
    LIST_ROUTES,
    MARK,
    PUBLIC,
    ROUTES,
    TENANT_ROUTES,
    call,
    random_ids,
)
from tests.tenants import fingerprint, keyed, neutral, signed_in

# Route name -> what a publishable key, which every shopper can read, may still do there.
PUBLISHABLE = {"api-behaviour-list", "api-consent-list", "decision-decide", "api-events"}
# POSTs that change no record of the advertiser, so that every role may send them.
READING_POSTS = {
    "api-interest-map": "maps a text, stores nothing",
    "api-segment-preview": "counts, stores nothing",
    "api-shopper-lookup": "reads a profile by a key in the body",
    "api-campaign-plan": "a dry run",
    "api-creative-verify": "looks at a file, stores nothing",
    "shopper-text-try": "maps a text, stores nothing",
    "advertiser-switch": "chooses among one's own advertisers",
    "password-change": "one's own password",
    "two-step": "one's own second step of signing in",
    "two-step-remove": "one's own second step of signing in",
}
# POSTs of every role that compute anew what is shown, and change nothing that a person decided.
REFRESHING_POSTS = {"experiment-refresh", "stored-report-refresh"}
# One's own saved views and their e-mails: every role has some.
PERSONAL_POSTS = {"saved-view-create", "saved-view-update"}
# What a reviewer may change besides: approving and rejecting is the role.
REVIEWING = {
    "creatives-decide",
    "creative-review-decide",
    "creative-review-edit",
    "creative-comment",
    "creative-move",
    "picture-regenerate",
    "fatigue-replace",
    "api-creative-comment",
    "api-render-job-copy",
    "api-creative-approve",
    "api-creative-reject",
    "api-creative-withdraw",
}
# Answers the same 204 for every key, so that it tells nothing about who is a shopper.
ALWAYS_ERASED = {("api-shopper-detail", "DELETE")}
# A body that gets past validation, where an empty one does not.
BODIES: dict[str, dict[str, Any]] = {
    "api-key-rotate": {"hours": "24"},
    "api-creative-reject": {"reason": "other", "comment": "no"},
    "api-creative-comment": {"comment": "no"},
    "creative-comment": {"comment": "no"},
    "api-render-job-copy": {"headline": "Mine", "call_to_action": "Mine"},
    "creative-review-edit": {"headline": "Mine", "call_to_action": "Mine"},
    "api-render-batch-priority": {"priority": 2},
    "api-render-batch-retry": {"code": "internal_error"},
    "segment-edit": {"name": "Taken over"},
    "api-experiment-decide": {"outcome": "ship", "decided_arm": "generic", "comment": "Mine now."},
    "api-experiment-ask": {"action": "start", "comment": "Mine now."},
    "api-experiment-decline": {"comment": "Mine now."},
    "api-campaign-weights": {"weights": []},
    "api-challenger-list": {"variant_ids": ["00000000-0000-4000-8000-000000000000"]},
    "creative-review-decide": {"verb": "approve", "decision": "approve"},
}
# Pages on which a person may still be who has to show a second step first: how they get it, and out again.
BEFORE_TWO_STEPS = {"two-step", "two-step-remove", "password-change", "advertiser-switch"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def test_every_route_of_the_schema_is_in_the_url_table_and_the_other_way_round() -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    documented = {path.lstrip("/").replace("{", "<").replace("}", ">") for path in schema["paths"]}
    documented_too = {"pixel"}  # outside api/v1, because its address has to be short
    routes = [route for route in ROUTES if route.is_api or route.name in documented_too]
    table = {re.sub(r"<\w+:", "<", route.pattern) for route in routes}
    assert documented == table - {"api/v1/schema", "api/v1/docs"}


def test_the_tables_name_only_routes_that_exist() -> None:
    names = {route.name for route in ROUTES}
    listed = {
        *PUBLIC,
        *PUBLISHABLE,
        *READING_POSTS,
        *REFRESHING_POSTS,
        *PERSONAL_POSTS,
        *REVIEWING,
        *BODIES,
        *(name for name, _ in ALWAYS_ERASED),
    }
    assert listed <= names


def test_every_id_in_a_path_is_of_a_known_kind(rows) -> None:
    for route in ID_ROUTES:
        unknown = set(route.parameters) - rows.keys() - FIXED.keys()
        assert not unknown, f"{route.name} names a record of a new kind: add {unknown} to tests/routes.py"


@pytest.mark.parametrize("is_enrolled", [False, True])
def test_where_two_steps_are_asked_a_session_without_the_second_opens_nothing(
    rows, shop, alice_client, alice, is_enrolled
) -> None:
    if is_enrolled:  # in another browser, after this session began
        TOTPDevice.objects.create(user=alice, key="00" * 20)
    Membership.objects.filter(user=alice).update(role=Membership.Role.ADMIN)  # no other refusal comes first
    type(shop).objects.filter(pk=shop.pk).update(managers_use_two_steps=True)
    before = fingerprint(shop)
    problems = []
    for route, method in itertools.product(TENANT_ROUTES, METHODS):
        response = call(alice_client, method, route.url(rows | FIXED), BODIES.get(route.name))
        if route.name in BEFORE_TWO_STEPS or response.status_code == 405:
            continue
        refused = (
            response.status_code == 403 and response.json()["code"] == "two_step_required"
            if route.is_api
            else response.get("Location") == "/two-step/"
        )
        if not refused and route.name not in PUBLISHABLE:
            problems.append((route.name, method, response.status_code))
    assert not problems
    assert fingerprint(shop) == before


def test_anothers_id_answers_like_a_random_one_and_changes_nothing(
    rows, shop, other_shop, mallory_client
) -> None:
    before, other_api = fingerprint(shop), keyed(other_shop)
    problems = []
    for route, method in itertools.product(ID_ROUTES, METHODS):
        for client in (mallory_client, other_api) if route.is_api else (mallory_client,):
            answers = []
            for values in (rows | FIXED, random_ids() | FIXED):
                response = call(client, method, route.url(values), BODIES.get(route.name))
                answers.append((response.status_code, neutral(response, values)))
            foreign, random = answers
            allowed = {404, 405}
            if (route.name, method) in ALWAYS_ERASED:
                allowed = {204}
            elif route.name == "api-creative-approve" and client is other_api:
                allowed |= {403}  # a key approves nothing, its own creatives included
            if foreign != random or foreign[0] not in allowed:
                problems.append((route.name, method, foreign, random))
    assert not problems
    assert fingerprint(shop) == before


def test_no_list_shows_anything_of_another_advertiser(rows, shop, other_shop, mallory_client) -> None:
    before, other_api = fingerprint(shop), keyed(other_shop)
    queries = ["", f"?search={MARK}&q={MARK}&page_size=200", f"?table=creatives&size=300x250&search={MARK}"]
    queries.append("?" + "&".join(f"{name.removesuffix('_id')}={value}" for name, value in rows.items()))
    problems = []
    for route, query in itertools.product(LIST_ROUTES, queries):
        for client in (mallory_client, other_api) if route.is_api else (mallory_client,):
            response = call(client, "GET", route.url({}) + query)
            # What was asked for may be repeated in the answer; nothing else of the shop may appear.
            text = neutral(response, {"asked": MARK} | rows if query else {}).lower()
            seen = [str(value) for name, value in rows.items() if name != "shopper_key"] + [MARK.lower()]
            leaked = [value for value in seen if value in text]
            if leaked or response.status_code >= 500:
                problems.append((route.name, query, response.status_code, leaked))
    assert not problems
    assert fingerprint(shop) == before


def test_nobody_gets_in_without_signing_in_or_a_key(rows, shop, client) -> None:
    before = fingerprint(shop)
    problems = []
    for route, method in itertools.product(TENANT_ROUTES, METHODS):
        response = call(client, method, route.url(rows | FIXED))
        if route.is_api:
            refused = response.status_code in (401, 403, 405)
        else:
            to_login = response.status_code == 302 and response["Location"].startswith("/login/")
            refused = to_login or response.status_code == 405
        if not refused:
            problems.append((route.name, method, response.status_code))
    assert not problems
    assert fingerprint(shop) == before


def test_a_publishable_key_reads_and_changes_nothing(rows, shop) -> None:
    client = keyed(shop, ApiKey.Kind.PUBLISHABLE)
    before = fingerprint(shop)
    problems = []
    for route, method in itertools.product([route for route in TENANT_ROUTES if route.is_api], METHODS):
        response = call(client, method, route.url(rows | FIXED))
        # Where it may: past the permission, stopped by its empty body.
        allowed = {400} if method == "POST" and route.name in PUBLISHABLE else {403, 405}
        if response.status_code not in allowed:
            problems.append((route.name, method, response.status_code))
    assert not problems
    assert fingerprint(shop) == before


@pytest.mark.parametrize("role", [Membership.Role.REPORTER, Membership.Role.REVIEWER])
def test_reporters_write_nothing_and_reviewers_only_reviews(role, rows, shop) -> None:
    client = signed_in(shop, role)
    may = {*READING_POSTS, *REFRESHING_POSTS, *PERSONAL_POSTS} | (
        REVIEWING if role == Membership.Role.REVIEWER else set()
    )
    before = fingerprint(shop)
    problems = []
    for route, method in itertools.product(TENANT_ROUTES, METHODS[1:]):
        if route.name in may:
            continue
        response = call(client, method, route.url(rows | FIXED), BODIES.get(route.name))
        # A page that only shows does not look at the method; decisions know no session (401).
        shows = not route.is_api and response.status_code == 200
        if not shows and response.status_code not in (401, 403, 405):
            problems.append((route.name, method, response.status_code))
    assert not problems
    assert fingerprint(shop) == before


def test_the_posts_that_every_role_may_send_change_nothing(rows, shop) -> None:
    client = signed_in(shop, Membership.Role.REPORTER)
    before = fingerprint(shop)
    for route in TENANT_ROUTES:
        if route.name in READING_POSTS:
            body = {"text": "hiking", "rule": {"any": [{"interest": "outdoor_hiking"}]}}
            assert call(client, "POST", route.url(rows), body).status_code < 500, route.name
    assert fingerprint(shop) == before


def test_pictures_in_review_have_no_public_address(rows, shop, client) -> None:
    from generation.models import Creative

    creative = Creative.objects.get(pk=rows["creative_id"])
    name = f"{creative.pk}/{creative.sha256[:16]}.{creative.file.rpartition('.')[2]}"
    for status in ("in_review", "rejected", "withdrawn"):
        Creative.objects.filter(pk=creative.pk).update(status=status)
        assert client.get(f"/m/{name}").status_code == 404, status
    assert client.get(f"/media/{creative.file}").status_code == 404
    assert client.get(f"/media/{creative.file}?s=forged").status_code == 404
    link = media_url(creative.file)
    assert client.get(link).status_code == 200  # handed out only by pages of the shop
    assert client.get(link.replace(creative.file, creative.file[:-5] + "0.png")).status_code == 404
