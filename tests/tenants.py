"""Two advertisers side by side: what one has, how it is asked for, and whether anything changed."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from django.apps import apps
from django.core.serializers.json import DjangoJSONEncoder
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import ApiKey
from tests import factories

OUR_APPS = ("accounts", "profiles", "generation", "campaigns", "analytics", "rights")


def fingerprint(advertiser: Any) -> str:
    """Of every row of the advertiser, so that a change anywhere shows."""
    digest = hashlib.sha256()
    for model in apps.get_models():
        if model._meta.app_label not in OUR_APPS:
            continue
        names = {f.name for f in model._meta.get_fields()}
        if model._meta.label == "accounts.Advertiser":
            found = model.objects.filter(pk=advertiser.pk)
        elif "advertiser" in names:
            found = model.objects.filter(advertiser=advertiser)
        else:
            continue
        values = [
            {key: value for key, value in row.items() if key != "last_used_at"}
            for row in found.order_by("pk").values()
        ]
        digest.update(json.dumps([model._meta.label, values], cls=DjangoJSONEncoder).encode())
    return digest.hexdigest()


def neutral(response: Any, values: dict[str, Any]) -> str:
    """The body without what differs by nature: the id that was asked for, and CSRF tokens."""
    if response.streaming:
        return ""
    text = response.content.decode("utf-8", "replace")
    for value in values.values():
        text = text.replace(str(value), "ID")
    text = re.sub(r'(name="csrfmiddlewaretoken" value|"X-CSRFToken")(=|: )"\w+"', "", text)
    return f"{response.get('Location', '')}\n{text}"


def keyed(advertiser: Any, kind: str = ApiKey.Kind.SECRET) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {factories.make_key(advertiser, kind)}")
    return client


def signed_in(advertiser: Any, role: str) -> Client:
    client = Client()
    client.force_login(factories.make_member(advertiser, role))
    return client
