"""People: an invitation says nothing of who else signs in here, and joins nobody unasked."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Invitation, Membership, User
from accounts.tasks import accounts_purge
from tests import factories


@pytest.fixture
def boss(shop):
    client = Client()
    client.force_login(factories.make_member(shop, Membership.Role.ADMIN, "boss"))
    return client


def invite(boss, name="Mallory", role="reviewer"):
    """What the admin is told, and the link in it."""
    page = boss.post("/people/invite/", {"name": name, "role": role}, follow=True)
    *_, told = [str(message) for message in page.context["messages"]]
    link = re.search(r"http://testserver(/join/[^ ]+/)", told)
    return told.replace(link[1], "LINK"), link[1]


def roles(shop):
    return dict(Membership.objects.filter(advertiser=shop).values_list("user__username", "role"))


def test_an_admin_is_told_the_same_of_a_name_that_somebody_elsewhere_has(shop, boss, mallory):
    told, _ = invite(boss, "mallory")
    other, _ = invite(boss, "nobody-has-this")
    assert told == other.replace("nobody-has-this", "mallory")
    assert roles(shop) == {"boss": "admin"}, "nobody joins unasked"


def test_who_has_an_account_joins_with_it_by_their_own_click_and_once(shop, boss, mallory, mallory_client):
    _, link = invite(boss)
    stranger = Client().get(link)
    assert f"/login/?next={link}" in stranger.content.decode()
    assert "Join as mallory" in mallory_client.get(link).content.decode()
    assert roles(shop) == {"boss": "admin"}, "looking is not joining"
    page = mallory_client.post(link, follow=True)
    assert page.context["advertiser"] == shop, "and works for it at once"
    assert roles(shop) == {"boss": "admin", "mallory": "reviewer"}
    assert mallory_client.post(link).status_code == 404
    _, link = invite(boss, role="admin")
    again = mallory_client.post(link)
    assert "You belong to this advertiser already." in again.content.decode()
    assert roles(shop)["mallory"] == "reviewer"
    assert boss.get(link).status_code == 200, "what is refused uses no invitation up"


def test_somebody_new_chooses_a_password_and_gets_a_name_that_tells_nothing(shop, boss, mallory):
    _, link = invite(boss, "mallory")
    guest = Client()
    assert "too common" in guest.post(link, {"password": "password"}).content.decode()
    page = guest.post(link, {"password": "correct horse 9 battery"}, follow=True)
    (member,) = Membership.objects.filter(advertiser=shop).exclude(user__username="boss")
    assert re.fullmatch(r"mallory-[0-9a-f]{6}", member.user.username), "also where the plain one was free"
    assert member.user.username in page.content.decode()
    assert member.user.check_password("correct horse 9 battery")
    assert guest.post(link).status_code == 404


def test_a_link_ends_by_its_time_or_when_it_is_withdrawn(shop, boss, mallory_client):
    _, link = invite(boss)
    boss.post(f"/people/invitations/{Invitation.objects.get().pk}/withdraw/")
    assert mallory_client.post(link).status_code == 404
    _, link = invite(boss)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert mallory_client.get(link).status_code == 404
    accounts_purge()
    assert not Invitation.objects.exists()
    assert "mallory" not in roles(shop)
    assert User.objects.count() == 2


def test_an_admin_changes_roles_of_members_and_one_admin_stays(shop, boss, alice, mallory):
    def change(user, role):
        member = Membership.objects.get(user=user)
        return boss.post(f"/people/{member.pk}/role/", {"role": role}, follow=True)

    change(alice, "reporter")
    assert roles(shop)["alice"] == "reporter"
    assert "at least one admin" in change(User.objects.get(username="boss"), "reporter").content.decode()
    assert change(mallory, "reporter").status_code == 404
    change(alice, "emperor")
    assert roles(shop) == {"boss": "admin", "alice": "reporter"}
    assert boss.post("/people/invite/", {"name": " ", "role": "admin"}, follow=True).status_code == 200
    assert boss.post("/people/invite/", {"name": "x", "role": "emperor"}, follow=True).status_code == 200
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("how", ["removed", "demoted"])
def test_a_former_admins_own_link_brings_nothing_back(shop, boss, mallory_client, how):
    partner = factories.make_member(shop, Membership.Role.ADMIN, "partner")
    leaving = Client()
    leaving.force_login(partner)
    _, link = invite(leaving, role="admin")
    _, boss_link = invite(boss, "Somebody else")
    member = Membership.objects.get(user=partner)
    if how == "removed":
        boss.post(f"/people/{member.pk}/remove/")
    else:
        boss.post(f"/people/{member.pk}/role/", {"role": "reporter"})
    assert [invitation.name for invitation in Invitation.objects.all()] == ["Somebody else"]
    assert leaving.post(link).status_code == mallory_client.post(link).status_code == 404
    assert boss.get(boss_link).status_code == 200
    assert roles(shop) == {"boss": "admin"} | ({"partner": "reporter"} if how == "demoted" else {})


@pytest.mark.parametrize("how", ["demoted", "removed", "inactive"])
def test_an_invitation_is_good_while_who_gave_it_may_invite(shop, boss, mallory_client, how):
    """However they lost the right: /admin/ and commands change rows as well."""
    _, link = invite(boss, role="admin")
    found = Membership.objects.filter(user__username="boss")
    if how == "demoted":
        found.update(role=Membership.Role.MANAGER)
    elif how == "removed":
        found.delete()
    else:
        User.objects.filter(username="boss").update(is_active=False)
    assert mallory_client.get(link).status_code == mallory_client.post(link).status_code == 404
    assert Client().post(link, {"password": "correct horse 9 battery"}).status_code == 404
    assert "mallory" not in roles(shop)
